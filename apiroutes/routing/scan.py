"""The scan of a convention's directory for routes and their middleware.

In: the project directory, a convention. Out: routes in the order of their files, the `_middleware.py` files
around them, the problems of wrong names, and the files that are almost routes. A file that cannot be read is
a problem too, so no route and no guard is ever missing silently. Nothing is imported here, and nothing
outside the directory is read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path

from apiroutes.errors import Problem, Problems
from apiroutes.routing.conventions import API, Convention
from apiroutes.routing.pattern import Kind, PatternError, Placed, RoutePattern, Segment, check
from apiroutes.structs import Struct, field

__all__ = ["MIDDLEWARE_FILE", "DirectoryMiddleware", "Route", "Scan", "guard_problem", "scan"]

MIDDLEWARE_FILE = "_middleware.py"
_GUARD = MIDDLEWARE_FILE.removesuffix(".py")


class Route(Struct, frozen=True):
    """A pattern and the file that answers it. `file` is relative to the project directory.

    `spans` marks the characters of `file` from which each segment was read, for the segments that the file's
    path represents: the last segments of the pattern.
    """

    pattern: RoutePattern
    file: str
    spans: tuple[tuple[int, int], ...] = ()

    def span(self, segment: int) -> tuple[int, int]:
        """Return the characters of `file` from which the pattern's segment with this index was read."""
        index = segment - (len(self.pattern.segments) - len(self.spans))
        return self.spans[index] if 0 <= index < len(self.spans) else (0, len(self.file))


class DirectoryMiddleware(Struct, frozen=True):
    """A `_middleware.py`, and the path below which it runs even if no route matches.

    A group of the `app` convention has no path of its own, so its middleware runs only for the group's
    routes.
    """

    file: str
    path: RoutePattern
    is_in_group: bool


class Scan(Struct):
    """The contents of a convention's directory, and the problems in it.

    `unlike` are the files that would be routes with another extension. `helpers` are files of the `app`
    convention that are not called `route.py`.
    """

    routes: list[Route] = field(default_factory=list)
    middleware: list[DirectoryMiddleware] = field(default_factory=list)
    problems: Problems = field(default_factory=Problems)
    warnings: Problems = field(default_factory=Problems)
    unlike: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)


def scan(
    root: Path, convention: Convention, prefix: tuple[Segment, ...], extensions: tuple[str, ...]
) -> Scan:
    """Return the routes below `root / convention.directory`, their patterns below `prefix`.

    A file is a route when its name ends in one of `extensions` and is not private.
    """
    result = Scan()
    # The longest extension wins: with "api.py" and "py", x.api.py is /x.
    endings = sorted((f".{extension}" for extension in extensions), key=len, reverse=True)
    for parts in _Files(root, convention, result).walk():
        file = _file_of(convention, parts)
        try:
            if parts[-1] == MIDDLEWARE_FILE:
                result.middleware.append(_middleware(parts, convention, prefix))
            else:
                route = _route(parts, convention, prefix, endings)
                if route is not None:
                    result.routes.append(route)
                    _warn_of_foreign_parameters(parts, convention, result)
                elif _has_other_extension(parts[-1], convention, endings):
                    result.unlike.append(file)
                elif convention.name == "app" and parts[0] == API and file.endswith(".py"):
                    result.helpers.append(file)
        except PatternError as error:
            start = _offsets(convention, parts)[error.part]
            span = (start + error.span[0], start + error.span[1])
            result.problems.add(file, error.message + ".", error.remedy, source=file, span=span)
    return result


# A parameter as written in Flask, FastAPI, Express and TanStack.
_FOREIGN = r"<(?:\w+:)?(\w+)>|\{(\w+)(?::\w+)?\}|:(\w+)|\$(\w+)"


def _warn_of_foreign_parameters(parts: tuple[str, ...], convention: Convention, result: Scan) -> None:
    """Warn of a literal segment that would be a parameter in another framework."""
    file = _file_of(convention, parts)
    for part, offset in zip(parts, _offsets(convention, parts), strict=True):
        name = part.removesuffix(".py")
        match = re.fullmatch(_FOREIGN, name)
        if match is None or (convention.name == "tanstack" and name.startswith("$")):
            continue
        right = (
            f"${match[match.lastindex or 0]}"
            if convention.name == "tanstack"
            else f"[{match[match.lastindex or 0]}]"
        )
        span = (offset, offset + len(name))
        message = f"has the literal segment {name!r}, which is not a parameter."
        result.warnings.add(file, message, f"Call it {part.replace(name, right)}.", source=file, span=span)


def _route(
    parts: tuple[str, ...], convention: Convention, prefix: tuple[Segment, ...], endings: list[str]
) -> Route | None:
    ending = next((ending for ending in endings if parts[-1].endswith(ending)), None)
    if ending is None or parts[-1] == ending:
        return None
    stems = (*parts[:-1], parts[-1].removesuffix(ending))
    read = convention.read(stems)
    if read is None or (convention.is_below_api and (not read or read[0].segment != _API)):
        return None
    try:
        check(tuple(placed.segment for placed in read))
    except PatternError as error:  # its part is the index of a segment; replace it with the segment's place
        _, part, start, end = read[error.part]
        raise PatternError(error.message, error.remedy, part, (start, end)) from None
    offsets = _offsets(convention, parts)
    own = _without_api(read, convention)
    spans = tuple((offsets[part] + start, offsets[part] + end) for _, part, start, end in own)
    pattern = RoutePattern((*prefix, *(placed.segment for placed in own)))
    return Route(pattern, _file_of(convention, parts), spans)


def _middleware(
    parts: tuple[str, ...], convention: Convention, prefix: tuple[Segment, ...]
) -> DirectoryMiddleware:
    # `index` and `route` represent their directory, so the directory's path is read.
    read = convention.read((*parts[:-1], "index" if convention.name == "pages" else "route")) or ()
    is_in_group = convention.name == "app" and any(part.startswith("(") for part in parts)
    own = tuple(placed.segment for placed in _without_api(read, convention))
    return DirectoryMiddleware(_file_of(convention, parts), RoutePattern((*prefix, *own)), is_in_group)


def _without_api(read: tuple[Placed, ...], convention: Convention) -> tuple[Placed, ...]:
    """Return the segments without `api`, which represents the prefix in some conventions."""
    return read[1:] if convention.is_below_api else read


_API = Segment(Kind.STATIC, API)


def _has_other_extension(name: str, convention: Convention, endings: list[str]) -> bool:
    """Return whether the file looks like a route, but is not one because of its extension.

    A `.py` file is left out on purpose by `page_extensions`, stubs are for type checkers, and editors
    keep old versions in `x.py~`.
    """
    if name.endswith(".py"):
        return convention.name == "app" and name.lower() in {f"route{ending}" for ending in endings}
    return not name.endswith((".pyi", "~")) and convention.may_be_meant(name)


class _Files:
    """The public files below a convention's directory, and the problems of entries that are not files."""

    def __init__(self, root: Path, convention: Convention, result: Scan) -> None:
        self._root = root / convention.directory
        self._convention = convention
        self._result = result

    def walk(
        self, parts: tuple[str, ...] = (), seen: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, ...]]:
        """Yield the parts of each path relative to the convention's directory, sorted by name."""
        directory = self._root.joinpath(*parts)
        real = os.path.realpath(directory)
        if real in seen:  # a symbolic link to a directory that it lies in
            return
        try:
            with os.scandir(directory) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self._problem(parts, f"cannot be read: {error.strerror}.", _READABLE)
            return
        for entry in entries:
            inner = (*parts, entry.name)
            if entry.name.partition(".")[0].lower() == _GUARD:
                if self._is_guard(entry, inner):
                    yield inner
            elif self._convention.is_private(entry.name) or not self._convention.leads_to_routes(inner):
                if _is_almost_guard(entry.name):
                    self._warn_of_guard(inner)
                continue
            elif _holds(entry.is_dir):
                yield from self.walk(inner, seen | {real})
            elif _holds(entry.is_file):
                yield inner
            elif self._convention.may_be_meant(entry.name) or "." not in entry.name:
                self._problem(inner, f"{_kind_of(entry.path)}, so no route can be in it.", _GONE)

    def _is_guard(self, entry: os.DirEntry[str], parts: tuple[str, ...]) -> bool:
        """Return whether it is a `_middleware.py`; an entry that is almost one is a problem or a warning."""
        problem = guard_problem(entry.path, _file_of(self._convention, parts), MIDDLEWARE_FILE)
        if problem is not None and (entry.name in (MIDDLEWARE_FILE, _GUARD) or _holds(entry.is_dir)):
            self._result.problems.append(problem)
            return False
        if entry.name == MIDDLEWARE_FILE:
            return True
        self._warn_of_guard(parts)
        return False

    def _warn_of_guard(self, parts: tuple[str, ...]) -> None:
        message = f"never runs, because it is not called {MIDDLEWARE_FILE}."
        remedy = f"Call it {MIDDLEWARE_FILE} if it guards this directory, or give it another name."
        self._result.warnings.add(_file_of(self._convention, parts), message, remedy)

    def _problem(self, parts: tuple[str, ...], message: str, remedy: str) -> None:
        self._result.problems.add(_file_of(self._convention, parts), message, remedy)


_READABLE = "Let the user that runs this read it, or remove it."
_GONE = "Put a file or a directory there, or remove it."


def guard_problem(path: str, file: str, name: str) -> Problem | None:
    """Return the problem of a `path` that should be a middleware file called `name`, or None."""
    remedy = f"Middleware is a file called {name}: put it there, or remove or rename the entry."
    if not _holds(lambda: os.path.isfile(path)):
        return Problem(file, f"{_kind_of(path)}, so it is not middleware.", remedy)
    if not os.access(path, os.R_OK):
        return Problem(file, "cannot be read, so its middleware would be missing.", remedy)
    return None


def _is_almost_guard(name: str) -> bool:
    """Return whether a private name may be meant as a guard, such as `_middlewares.py`."""
    stem, _, ending = name.lower().strip("_-.").partition(".")
    return ending == "py" and 8 < len(stem) < 13 and bool(get_close_matches(stem, ["middleware"], 1, 0.85))


def _holds(question: Callable[[], bool]) -> bool:
    """Ask the file system; return False for a circular link, and for a link that we may not follow."""
    try:
        return question()
    except OSError:
        return False


def _kind_of(path: str) -> str:
    if os.path.islink(path):
        return "is a broken link" if not os.path.exists(path) else "is a link, but not to a file"
    return "is a directory" if os.path.isdir(path) else "is neither a file nor a directory"


def _file_of(convention: Convention, parts: tuple[str, ...]) -> str:
    """Return the path of a file, relative to the project directory."""
    return "/".join((convention.directory, *parts))


def _offsets(convention: Convention, parts: tuple[str, ...]) -> list[int]:
    """Return the offset of each part in the file's path."""
    offset = len(convention.directory) + 1
    offsets = []
    for part in parts:
        offsets.append(offset)
        offset += len(part) + 1
    return offsets
