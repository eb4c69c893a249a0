"""A directory and a convention to routes.

In: where the routes lie. Out: routes in the order of their files, and the problems of the
names that are none. Nothing is imported here, and nothing outside the directory is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from apiroutes.errors import Problem
from apiroutes.routing.conventions import Convention
from apiroutes.routing.pattern import PatternError, RoutePattern, Segment, check

__all__ = ["Route", "scan"]


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


def scan(
    root: Path, convention: Convention, prefix: tuple[Segment, ...], extensions: tuple[str, ...]
) -> tuple[list[Route], list[Problem]]:
    """The routes below `root / convention.directory`, their patterns below `prefix`.

    A file is a route when its name ends in one of `extensions`; names that begin with `_` or
    `.` are private, directories too.
    """
    routes: list[Route] = []
    problems: list[Problem] = []
    # The longest extension that fits is the file's: with "api.py" and "py", x.api.py is /x.
    endings = sorted((f".{extension}" for extension in extensions), key=len, reverse=True)
    for parts in _files(root / convention.directory, ()):
        ending = next((ending for ending in endings if parts[-1].endswith(ending)), None)
        if ending is None or parts[-1] == ending:
            continue
        file = "/".join((convention.directory, *parts))
        stems = (*parts[:-1], parts[-1].removesuffix(ending))
        starts = _starts(len(convention.directory) + 1, stems)
        try:
            read = convention.read(stems)
            check(tuple(segment for segment, _ in read))
        except PatternError as error:
            start = starts[error.part]
            span = (start + error.span[0], start + error.span[1])
            problems.append(Problem(file, error.message + ".", error.remedy, source=file, span=span))
            continue
        spans = tuple((starts[part], starts[part] + len(stems[part])) for _, part in read)
        pattern = RoutePattern((*prefix, *(segment for segment, _ in read)))
        routes.append(Route(pattern, file, spans))
    return routes, problems


def _files(
    directory: Path, parts: tuple[str, ...], seen: frozenset[str] = frozenset()
) -> Iterator[tuple[str, ...]]:
    """Every public file, as parts relative to the routes directory, sorted by name."""
    real = os.path.realpath(directory)
    if real in seen:  # a symbolic link to a directory that it lies in
        return
    with os.scandir(directory) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith(("_", ".")):
            continue
        if entry.is_dir():
            yield from _files(directory / entry.name, (*parts, entry.name), seen | {real})
        elif entry.is_file():
            yield (*parts, entry.name)


def _starts(offset: int, parts: tuple[str, ...]) -> list[int]:
    starts = []
    for part in parts:
        starts.append(offset)
        offset += len(part) + 1
    return starts
