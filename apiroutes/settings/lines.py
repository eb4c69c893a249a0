"""The lines of files that give a setting: of a key in TOML, of a variable in a `.env` file.

In: texts and names. Out: line numbers from 1, or None if the line is unknown. Nothing is guessed:
TOML's own parser says where a statement ends, and python-dotenv's where a variable is.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

__all__ = [
    "EnvStatement",
    "env_statements",
    "line_of_item",
    "line_of_key",
    "line_of_variable",
    "place_of_toml_error",
]


def line_of_key(text: str, keys: Sequence[str]) -> int | None:
    """Return the line on which a TOML document sets the key, in any spelling.

    Statements of TOML end with their line, so a document is valid up to the end of each: the statement that
    sets the key begins after the last line up to which the document is valid without it.
    """
    import tomli

    def read(end: int) -> dict[str, Any] | None:
        """Return what the lines up to `end` say; None in the middle of a statement."""
        try:
            return tomli.loads("\n".join(lines[:end]) + "\n")
        except ValueError:
            return None

    lines = text.split("\n")
    first = _first_line_with(lines, keys)
    # Lines from `begin` on belong to a statement that is not complete yet.
    begin = next(end for end in range(first - 1, -1, -1) if read(end) is not None)
    for end in range(first, len(lines) + 1):
        document = read(end)
        if document is not None and _has(document, keys):
            return begin + 1
        if document is not None:
            begin = end
    return None


def _first_line_with(lines: Sequence[str], keys: Sequence[str]) -> int:
    """Return the first line up to which all keys may have been written: a key may have escapes."""
    missing = set(keys)
    for number, line in enumerate(lines, 1):
        missing = {key for key in missing if key not in line and "\\" not in line}
        if not missing:
            return number
    return len(lines)


def _has(document: Any, keys: Sequence[str]) -> bool:
    for key in keys:
        if not isinstance(document, dict) or key not in document:
            return False
        document = document[key]
    return True


def line_of_item(text: str, line: int, item: str) -> int:
    """Return the line of a string in the list that begins at a line of a TOML document.

    That is the line itself if the string does not have exactly one line.
    """
    lines = text.split("\n")
    quoted = re.compile(rf"""(["']){re.escape(item)}\1""")
    end = next((index for index in range(line, len(lines) + 1) if "]" in lines[index - 1]), len(lines))
    found = [number for number in range(line, end + 1) if quoted.search(lines[number - 1])]
    return found[0] if len(found) == 1 else line


def place_of_toml_error(text: str, error: ValueError) -> tuple[int, int] | None:
    """Return the line and the column, both from 1, at which the parser of TOML stopped."""
    match = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    if match is not None:
        return int(match[1]), int(match[2])
    if "(at end of document)" in str(error):
        lines = text.rstrip().split("\n")
        return len(lines), len(lines[-1])
    return None


def line_of_variable(text: str, name: str) -> int | None:
    """Return the line of a `.env` file that sets the variable; the last one counts."""
    lines = [statement.line for statement in env_statements(text) if statement.name == name]
    return lines[-1] if lines else None


class EnvStatement(NamedTuple):
    """A statement of a `.env` file as it is written; `is_broken`: whether python-dotenv ignores it."""

    line: int
    name: str | None
    text: str
    is_broken: bool


def env_statements(text: str) -> Iterator[EnvStatement]:
    """Yield the statements of a `.env` file."""
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text)):
        written = binding.original.string
        line = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        yield EnvStatement(line, binding.key, written, binding.error)
