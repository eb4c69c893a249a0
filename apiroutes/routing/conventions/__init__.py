"""The family of file-name grammars. Each reads the parts of a file's path below its directory,
without the extension, and gives the segments they stand for.

Raises PatternError. A convention is data: where its files lie and how a path is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apiroutes.routing.conventions import app, pages, tanstack
from apiroutes.routing.pattern import Placed

__all__ = ["API", "CONVENTIONS", "Convention", "convention_of"]

# The first name of a route's file in `pages` and `tanstack`; `api_prefix` says what it is in the URL.
API = "api"


@dataclass(frozen=True)
class Convention:
    """A file-name grammar: its routes lie below `directory`.

    `read` takes the parts of a path (`("api", "users", "[id]")`) and gives each segment that
    they stand for with its place in them, or None for a file that is no route.
    `is_private` says which names, of files and directories, are never looked at; `leads_to_routes`
    which paths may have routes below them, so that the rest of the directory is left alone.
    `is_below_api`: its routes lie below `api`, which stands for the setting `api_prefix`; else a
    route's path is that of its file.
    `how_to_hide` tells how to name a file that is no route; `may_be_meant` which files that are none
    look as if somebody meant them to be.
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
    """TanStack's own prefix is `-`, and it takes `_layout` literally."""
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
        how_to_hide="begin the file's name with '_' if it is no route",
        may_be_meant=_every_file,
    ),
    Convention(
        "app",
        "app",
        app.read,
        _is_private,
        _everywhere,
        is_below_api=False,
        how_to_hide="give the file any name but route.py if it is no route",
        may_be_meant=_is_called_route,
    ),
    Convention(
        "tanstack",
        "routes",
        tanstack.read,
        _is_hidden,
        _first_is_api,
        is_below_api=True,
        how_to_hide="begin the file's name with '-' if it is no route",
        may_be_meant=_every_file,
    ),
)


def convention_of(file: str) -> Convention | None:
    """The convention that a file of the project is named by, None for a file outside its directories."""
    directory = file.partition("/")[0]
    return next((each for each in CONVENTIONS if each.directory == directory), None)
