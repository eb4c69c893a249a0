"""Plain-text tables for standard output, and a progress line for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence


def table(corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: names of rows on the left, cells aligned to the right."""
    lines = [[corner, *columns], *([name, *cells] for name, cells in rows.items())]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for name, *cells in lines:
        right_aligned = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
        yield "  ".join([name.ljust(widths[0]), *right_aligned])


def progress(text: str) -> None:
    """Replace the last progress text by this one, if standard error is a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
