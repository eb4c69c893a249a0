"""A directory and a convention to routes.

In: where the routes lie. Out: routes in the order of their files, the `_middleware.py` files
around them, the problems of the names that are none, and the files that are almost routes. What
cannot be read is a problem too: a route, or a guard, is never missing silently. Nothing is imported
here, and nothing outside the directory is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from apiroutes.errors import Problem
from apiroutes.routing.conventions import API, Convention
from apiroutes.routing.pattern import Kind, PatternError, Placed, RoutePattern, Segment, check

__all__ = ["MIDDLEWARE_FILE", "DirectoryMiddleware", "Route", "Scan", "guard_problem", "scan"]

MIDDLEWARE_FILE = "_middleware.py"
_GUARD = MIDDLEWARE_FILE.removesuffix(".py")


@dataclass(frozen=True)
class Route:
    """A pattern and the file that answers it. `file` is relative to the project directory.

    `spans` tells for each segment that the file's name stands for - the last ones of the
    pattern - which characters of `file` it was read from.
    """

    pattern: RoutePattern
    file: str
    spans: tuple[tuple[int, int], ...] = ()

    def span(self, segment: int) -> tuple[int, int]:
        """The characters of `file` that the pattern's segment with this index was read from."""
        index = segment - (len(self.pattern.segments) - len(self.spans))
        return self.spans[index] if 0 <= index < len(self.spans) else (0, len(self.file))


@dataclass(frozen=True)
class DirectoryMiddleware:
    """A `_middleware.py`, and the paths below which it also runs when no route answers.

    A group of the `app` convention has no path of its own, so `below` is None there.
    """

    file: str
    below: RoutePattern | None


@dataclass
class Scan:
    """What a directory holds, and what is wrong with it.

    `unlike` are the files that are almost routes: those with another extension. `helpers` are those of
    the `app` convention that have another name than `route.py`.
    """

    routes: list[Route] = field(default_factory=list)
    middleware: list[DirectoryMiddleware] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    helpers: list[str] = field(default_factory=list)


def scan(
    root: Path, convention: Convention, prefix: tuple[Segment, ...], extensions: tuple[str, ...]
) -> Scan:
    """The routes below `root / convention.directory`, their patterns below `prefix`.

    A file is a route when its name ends in one of `extensions`; private names are none.
    """
    found = Scan()
    # The longest extension that fits is the file's: with "api.py" and "py", x.api.py is /x.
    endings = sorted((f".{extension}" for extension in extensions), key=len, reverse=True)
    for parts in _Files(root, convention, found).walk():
        file = "/".join((convention.directory, *parts))
        try:
            if parts[-1] == MIDDLEWARE_FILE:
                found.middleware.append(_middleware(parts, convention, prefix))
            else:
                route = _route(parts, convention, prefix, endings)
                if route is not None:
                    found.routes.append(route)
                elif _is_unlike(parts[-1], convention, endings):
                    found.unlike.append(file)
                elif convention.name == "app" and parts[0] == API and file.endswith(".py"):
                    found.helpers.append(file)
        except PatternError as error:
            start = _starts(convention, parts)[error.part]
            span = (start + error.span[0], start + error.span[1])
            found.problems.append(Problem(file, error.message + ".", error.remedy, source=file, span=span))
    return found


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
    except PatternError as error:  # which names a segment, and here it gets that segment's place
        _, part, start, end = read[error.part]
        raise PatternError(error.message, error.remedy, part, (start, end)) from None
    starts = _starts(convention, parts)
    own = _own(read, convention)
    spans = tuple((starts[part] + start, starts[part] + end) for _, part, start, end in own)
    pattern = RoutePattern((*prefix, *(placed.segment for placed in own)))
    return Route(pattern, "/".join((convention.directory, *parts)), spans)


def _middleware(
    parts: tuple[str, ...], convention: Convention, prefix: tuple[Segment, ...]
) -> DirectoryMiddleware:
    # A file with a directory's name reads as the directory does; `route` is what ends an app path.
    read = convention.read((*parts[:-1], "index" if convention.name == "pages" else "route")) or ()
    in_group = convention.name == "app" and any(part.startswith("(") for part in parts)
    own = tuple(placed.segment for placed in _own(read, convention))
    below = None if in_group else RoutePattern((*prefix, *own))
    return DirectoryMiddleware("/".join((convention.directory, *parts)), below)


def _own(read: tuple[Placed, ...], convention: Convention) -> tuple[Placed, ...]:
    """What comes after the prefix, which `api` stands for in some conventions."""
    return read[1:] if convention.is_below_api else read


_API = Segment(Kind.STATIC, API)


def _is_unlike(name: str, convention: Convention, endings: list[str]) -> bool:
    """Whether somebody may take the file for a route, and it is none because of its extension.

    Another `.py` is what `page_extensions` is for, stubs are for type checkers, and editors keep old
    versions in `x.py~`.
    """
    if name.endswith(".py"):
        return convention.name == "app" and name.lower() in {f"route{ending}" for ending in endings}
    return not name.endswith((".pyi", "~")) and convention.may_be_meant(name)


class _Files:
    """Every public file below a convention's directory, and what stands where one should be."""

    def __init__(self, root: Path, convention: Convention, found: Scan) -> None:
        self._root = root / convention.directory
        self._convention = convention
        self._found = found

    def walk(
        self, parts: tuple[str, ...] = (), seen: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, ...]]:
        """Parts relative to the convention's directory, sorted by name."""
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
            elif _is(entry.is_dir):
                yield from self.walk(inner, seen | {real})
            elif _is(entry.is_file):
                yield inner
            elif self._convention.may_be_meant(entry.name) or "." not in entry.name:
                self._problem(inner, f"{_what_it_is(entry.path)}, so that no route can be in it.", _GONE)

    def _is_guard(self, entry: os.DirEntry[str], parts: tuple[str, ...]) -> bool:
        """Whether it is a `_middleware.py`; what is almost one is a problem, or a warning."""
        file = "/".join((self._convention.directory, *parts))
        problem = guard_problem(entry.path, file, MIDDLEWARE_FILE)
        if problem is not None and (entry.name in (MIDDLEWARE_FILE, _GUARD) or _is(entry.is_dir)):
            self._found.problems.append(problem)
            return False
        if entry.name == MIDDLEWARE_FILE:
            return True
        self._warn_of_guard(parts)
        return False

    def _warn_of_guard(self, parts: tuple[str, ...]) -> None:
        file = "/".join((self._convention.directory, *parts))
        message = f"runs around no route, because it is not called {MIDDLEWARE_FILE}."
        remedy = f"Call it {MIDDLEWARE_FILE} if it guards this directory, or give it another name."
        self._found.warnings.append(Problem(file, message, remedy))

    def _problem(self, parts: tuple[str, ...], message: str, remedy: str) -> None:
        file = "/".join((self._convention.directory, *parts))
        self._found.problems.append(Problem(file, message, remedy))


_READABLE = "Let the user that runs this read it, or remove it."
_GONE = "Put a file or a directory there, or remove it."


def guard_problem(path: str, file: str, name: str) -> Problem | None:
    """Why there is no middleware to be read in `path`, where a file called `name` should be; or None."""
    remedy = f"Middleware is a file called {name}: put it there, or remove or rename what is there."
    if not _is(lambda: os.path.isfile(path)):
        return Problem(file, f"{_what_it_is(path)}, and no middleware.", remedy)
    if not os.access(path, os.R_OK):
        return Problem(file, "cannot be read, so that the middleware in it would be missing.", remedy)
    return None


def _is_almost_guard(name: str) -> bool:
    """Whether a name that is never looked at may be meant for a guard: `_middlewares.py`, say."""
    stem, _, ending = name.lower().strip("_-.").partition(".")
    return ending == "py" and 8 < len(stem) < 13 and bool(get_close_matches(stem, ["middleware"], 1, 0.85))


def _is(question: Callable[[], bool]) -> bool:
    """What the file system says; a link that leads round in a circle, or to where we may not go, is no."""
    try:
        return question()
    except OSError:
        return False


def _what_it_is(path: str) -> str:
    if os.path.islink(path):
        return "is a link to what is not there" if not os.path.exists(path) else "is a link to no file"
    return "is a directory" if os.path.isdir(path) else "is neither a file nor a directory"


def _starts(convention: Convention, parts: tuple[str, ...]) -> list[int]:
    """Where each part begins in the file's name."""
    offset = len(convention.directory) + 1
    starts = []
    for part in parts:
        starts.append(offset)
        offset += len(part) + 1
    return starts
