"""The family of file-name grammars. Each reads the parts of a file's path below its directory,
without the extension, and gives the segments they stand for.

Raises PatternError. A convention is data: where its files lie and how a path is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apiroutes.routing.conventions import app, pages, tanstack
from apiroutes.routing.pattern import Placed

__all__ = ["API", "CONVENTIONS", "Convention"]

# The first segment of every route file's path; `api_prefix` says what it is in the URL.
API = "api"


@dataclass(frozen=True)
class Convention:
    """A file-name grammar: its routes lie below `directory`, at `api`.

    `read` takes the parts of a path (`("api", "users", "[id]")`) and gives each segment that
    they stand for with its place in them, or None for a file that is no route.
    `is_private` says which names, of files and directories, are never looked at; `leads_to_api`
    which paths may have routes below them, so that the rest of the directory is left alone.
    """

    name: str
    directory: str
    read: Callable[[tuple[str, ...]], tuple[Placed, ...] | None]
    is_private: Callable[[str], bool]
    leads_to_api: Callable[[tuple[str, ...]], bool]


def _is_private(name: str) -> bool:
    return name.startswith(("_", "."))


def _is_hidden(name: str) -> bool:
    """TanStack takes `_layout` literally."""
    return name.startswith(".") or name in ("_middleware.py", "__init__.py", "__pycache__")


def _first_is_api(parts: tuple[str, ...]) -> bool:
    return parts[0].split(".")[0] == API


def _first_is_api_or_group(parts: tuple[str, ...]) -> bool:
    outside = [part for part in parts if not part.startswith("(")]
    return not outside or outside[0] == API


CONVENTIONS = (
    Convention("pages", "pages", pages.read, _is_private, _first_is_api),
    Convention("app", "app", app.read, _is_private, _first_is_api_or_group),
    Convention("tanstack", "routes", tanstack.read, _is_hidden, _first_is_api),
)
