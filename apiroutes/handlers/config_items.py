"""The items of the dicts that a module configures itself with, under their documented keys.

In: what a module exports as its `config`. Out: keys with their values. Unknown keys, and keys in two
spellings, are collected as problems, each with its line and a suggestion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from apiroutes.errors import Problems, shown, suggest

__all__ = ["ConfigItems", "Key", "LineOfKey", "dict_of", "snake_case"]

_NONE: Mapping[str, str] = {}

# Gives the line of a key, such as `("api", "bodyParser")`; None where it is unknown.
LineOfKey = Callable[[Sequence[str]], "int | None"]


class Key(NamedTuple):
    """What the reference says about a key: its default, and its meaning, with links relative to docs/."""

    default: str
    meaning: str


class ConfigItems:
    """Reads the dicts of one module's `config`, and collects what is wrong with it."""

    def __init__(self, file: str, line_of: LineOfKey) -> None:
        self.problems = Problems()
        self.warnings = Problems()
        self._file = file
        self._line_of = line_of

    def read(
        self, value: object, place: str, keys: Iterable[str], misplaced: Mapping[str, str] = _NONE
    ) -> Iterator[tuple[str, object]]:
        """Yield the items of the mapping at a place such as `config.api`; other keys are problems.

        `misplaced` are keys that belong elsewhere, with the remedy.
        """
        if not isinstance(value, Mapping):
            self.add(place, f" is {shown(value)}, not a dict", f"Write {dict_of(keys)}.")
            return
        spellings = {spelling: key for key in keys for spelling in (key, snake_case(key))}
        seen: set[str] = set()
        for spelling, item in value.items():
            key = spellings.get(spelling) if isinstance(spelling, str) else None
            if key is None:
                remedy = misplaced.get(str(spelling)) or suggest(str(spelling), keys)
                self.add(place, f" has the unknown key {shown(spelling)}", remedy, key=str(spelling))
            elif key in seen:
                self.add(place, f" has {shown(key)} in two spellings", "Keep one of them.", key=str(spelling))
            else:
                seen.add(key)
                yield key, item

    def add(self, place: str, message: str, remedy: str, key: str | None = None) -> None:
        """Add a problem at a place such as `config.api`, or at a key of the dict there."""
        keys = [*place.split(".")[1:], *([] if key is None else [key])]
        self.add_at(self._line_of(keys), f"{place}{message}.", remedy)

    def add_at(self, line: int | None, message: str, remedy: str) -> None:
        """Add a problem at a line of the file."""
        self.problems.add(self._file, message, remedy, line=line)

    def warn(self, place: str, message: str, remedy: str) -> None:
        """Add a warning about a place."""
        line = self._line_of(place.split(".")[1:])
        self.warnings.add(self._file, f"{place}{message}.", remedy, line=line)


def dict_of(keys: Iterable[str]) -> str:
    """Return what a remedy calls a dict with the keys."""
    return f"a dict of {', '.join(map(repr, keys))}"


def snake_case(name: str) -> str:
    """Return a name in the spelling of Python."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
