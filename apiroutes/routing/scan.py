"""A directory and a convention to routes.

In: where the routes lie. Out: routes in the order of their files, the `_middleware.py` files
around them, and the problems of the names that are none. Nothing is imported here, and
nothing outside the directory is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apiroutes.errors import Problem
from apiroutes.routing.conventions import API, Convention
from apiroutes.routing.pattern import Kind, PatternError, RoutePattern, Segment, check

__all__ = ["MIDDLEWARE_FILE", "DirectoryMiddleware", "Route", "Scan", "scan"]

MIDDLEWARE_FILE = "_middleware.py"


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
    """What a directory holds, and what is wrong with it."""

    routes: list[Route] = field(default_factory=list)
    middleware: list[DirectoryMiddleware] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def scan(
    root: Path, convention: Convention, prefix: tuple[Segment, ...], extensions: tuple[str, ...]
) -> Scan:
    """The routes below `root / convention.directory`, their patterns below `prefix`.

    A file is a route when its name ends in one of `extensions`; private names are none.
    """
    found = Scan()
    # The longest extension that fits is the file's: with "api.py" and "py", x.api.py is /x.
    endings = sorted((f".{extension}" for extension in extensions), key=len, reverse=True)
    for parts in _files(root / convention.directory, convention):
        try:
            if parts[-1] == MIDDLEWARE_FILE:
                found.middleware.append(_middleware(parts, convention, prefix))
            else:
                found.routes += _route(parts, convention, prefix, endings)
        except PatternError as error:
            file = "/".join((convention.directory, *parts))
            start = _starts(convention, parts)[error.part]
            span = (start + error.span[0], start + error.span[1])
            found.problems.append(Problem(file, error.message + ".", error.remedy, source=file, span=span))
    return found


def _route(
    parts: tuple[str, ...], convention: Convention, prefix: tuple[Segment, ...], endings: list[str]
) -> list[Route]:
    ending = next((ending for ending in endings if parts[-1].endswith(ending)), None)
    if ending is None or parts[-1] == ending:
        return []
    stems = (*parts[:-1], parts[-1].removesuffix(ending))
    read = convention.read(stems)
    if not read or read[0].segment != _API:
        return []
    try:
        check(tuple(placed.segment for placed in read))
    except PatternError as error:  # which names a segment, and here it gets that segment's place
        _, part, start, end = read[error.part]
        raise PatternError(error.message, error.remedy, part, (start, end)) from None
    starts = _starts(convention, parts)
    spans = tuple((starts[part] + start, starts[part] + end) for _, part, start, end in read[1:])
    pattern = RoutePattern((*prefix, *(placed.segment for placed in read[1:])))
    return [Route(pattern, "/".join((convention.directory, *parts)), spans)]


def _middleware(
    parts: tuple[str, ...], convention: Convention, prefix: tuple[Segment, ...]
) -> DirectoryMiddleware:
    # A file with a directory's name reads as the directory does; `route` is what ends an app path.
    read = convention.read((*parts[:-1], "index" if convention.name == "pages" else "route")) or ()
    in_group = convention.name == "app" and any(part.startswith("(") for part in parts)
    below = None if in_group else RoutePattern((*prefix, *(placed.segment for placed in read[1:])))
    return DirectoryMiddleware("/".join((convention.directory, *parts)), below)


_API = Segment(Kind.STATIC, API)


def _files(
    directory: Path, convention: Convention, parts: tuple[str, ...] = (), seen: frozenset[str] = frozenset()
) -> Iterator[tuple[str, ...]]:
    """Every public file, as parts relative to the convention's directory, sorted by name."""
    real = os.path.realpath(directory)
    if real in seen:  # a symbolic link to a directory that it lies in
        return
    with os.scandir(directory) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        inner = (*parts, entry.name)
        if entry.name == MIDDLEWARE_FILE and entry.is_file():
            yield inner
        elif convention.is_private(entry.name) or not convention.leads_to_api(inner):
            continue
        elif entry.is_dir():
            yield from _files(directory / entry.name, convention, inner, seen | {real})
        elif entry.is_file():
            yield inner


def _starts(convention: Convention, parts: tuple[str, ...]) -> list[int]:
    """Where each part begins in the file's name."""
    offset = len(convention.directory) + 1
    starts = []
    for part in parts:
        starts.append(offset)
        offset += len(part) + 1
    return starts
