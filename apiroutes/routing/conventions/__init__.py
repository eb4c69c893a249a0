"""The conventions: grammars of file names, which never look at a file.

In: the parts of a file's path below its directory, without the extension. Out: the segments that they
represent. Raises PatternError. A convention is data: where its files are and how a path is read.
"""

from __future__ import annotations

from collections.abc import Callable

from apiroutes.routing.conventions import app, pages, tanstack
from apiroutes.routing.pattern import Placed
from apiroutes.structs import Struct

__all__ = ["API", "CONVENTIONS", "Convention", "convention_of"]

# The first part of a route's path in `pages` and `tanstack`; the setting `api_prefix` replaces it in the URL.
API = "api"


class Convention(Struct, frozen=True):
    """A grammar of file names: its routes are below `directory`.

    `read` takes the parts of a path (`("api", "users", "[id]")`) and returns the segments that they
    represent, each with its place in the parts, or None for a file that is not a route. `is_private` tells
    which names of files and directories are ignored; `leads_to_routes` tells which paths may have routes
    below them, so that the rest of the directory is ignored. `is_below_api`: its routes are below `api`,
    which represents the setting `api_prefix`; otherwise a route's path is the path of its file. `how_to_hide`
    tells how to name a file that is not a route; `may_be_meant` which other files look as if they were meant
    to be routes.
    """

    name: str
    directory: str
    read: Callable[[tuple[str, ...]], tuple[Placed, ...] | None]
    is_private: Callable[[str], bool]
    leads_to_routes: Callable[[tuple[str, ...]], bool]
    is_below_api: bool
    how_to_hide: str
    may_be_meant: Callable[[str], bool]


def _is_private(name: str) -> bool:
    return name.startswith(("_", "."))


def _is_hidden(name: str) -> bool:
    """TanStack's prefix is `-`, and `_layout` is literal."""
    return name.startswith((".", "-")) or name in ("_middleware.py", "__init__.py", "__pycache__")


def _first_is_api(parts: tuple[str, ...]) -> bool:
    return parts[0].split(".")[0] == API


def _everywhere(parts: tuple[str, ...]) -> bool:
    return True


def _every_file(name: str) -> bool:
    return True


def _is_called_route(name: str) -> bool:
    return name.partition(".")[0].lower() == "route"


CONVENTIONS = (
    Convention(
        "pages",
        "pages",
        pages.read,
        _is_private,
        _first_is_api,
        is_below_api=True,
        how_to_hide="begin the file's name with '_' if it is not a route",
        may_be_meant=_every_file,
    ),
    Convention(
        "app",
        "app",
        app.read,
        _is_private,
        _everywhere,
        is_below_api=False,
        how_to_hide="give the file any name but route.py if it is not a route",
        may_be_meant=_is_called_route,
    ),
    Convention(
        "tanstack",
        "routes",
        tanstack.read,
        _is_hidden,
        _first_is_api,
        is_below_api=True,
        how_to_hide="begin the file's name with '-' if it is not a route",
        may_be_meant=_every_file,
    ),
)


def convention_of(file: str) -> Convention | None:
    """Return the convention of a file of the project, or None outside the conventions' directories."""
    directory = file.partition("/")[0]
    return next((convention for convention in CONVENTIONS if convention.directory == directory), None)
