"""All mismatches of a value, from the first one that the decoder reported.

In: a value, its type, and the decoder's violation. Out: the mismatches, each with its place.

A decoder reads a document in order, stops at the first part that does not fit, and reports its path. So
everything before that part fits and is not converted again: the search goes straight to it, and from there to
the parts after it, on each level on the way out. Every part is converted about once, however deep it is, and
the whole search costs about as much as the decoder's own pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, get_args

from msgspec import inspect

from apiroutes.schemas.annotations import LISTS
from apiroutes.schemas.messages import Violation, public_message
from apiroutes.schemas.mismatches import Mismatch, inside
from apiroutes.schemas.part_types import PartTypes, is_array_like
from apiroutes.schemas.probe import INDEX, Probe

__all__ = ["Search"]

# Mismatches are searched for down to this depth.
_DEEPEST = 32
# The decoder does not tell at which entry of a dict it stopped, so each dict on the way is examined again: at
# most this many, one inside another.
_MOST_DICTS = 8
# Calls of the decoder. A search needs more only if nearly all calls report nothing.
_MOST_CALLS = 5_000
_FEW, _MANY = 64, 65_536  # items of a list that are converted at once


class _Level:
    """The depth of a part: all levels, and the dicts among them."""

    __slots__ = ("depth", "dicts")

    def __init__(self, depth: int = 0, dicts: int = 0) -> None:
        self.depth = depth
        self.dicts = dicts

    def inner(self, dicts: int = 0) -> _Level:
        return _Level(self.depth + 1, self.dicts + dicts)


class Search:
    """A search through one value; `strict` is msgspec's, and `piece` is explained in `Probe`."""

    def __init__(self, strict: bool, piece: int | None = None) -> None:
        self.types = PartTypes()
        self.probe = Probe(self.types, strict, piece)

    def look(self, value: Any, annotation: Any) -> Violation | None:
        """Return the first violation of a value, None if it fits."""
        return self.probe.look(value, annotation)

    def mismatches(
        self, value: Any, annotation: Any, place: str, violation: Violation, level: _Level | None = None
    ) -> Iterator[Mismatch]:
        """Yield the mismatches of a value, given its first violation: its parts' ones, or else its own."""
        level = level or _Level()
        if level.depth == _DEEPEST or level.dicts == _MOST_DICTS or self.probe.calls > _MOST_CALLS:
            yield place, public_message(violation[0], self.types.info(annotation))
            return
        parts = self._mismatches_of_parts(value, annotation, place, violation, level)
        first = next(parts, None)
        if first is not None:
            yield first
            yield from parts
            return
        # If a name occurs twice in an object, only the last value is left: the value that did not fit may be
        # gone.
        own = self.probe.look(value, annotation)
        if own is not None:
            message, path = own
            message = public_message(message, self.types.info(annotation))
            yield place + ("" if "[...]" in path else path), message

    def _mismatches_of_parts(
        self, value: Any, annotation: Any, place: str, violation: Violation, level: _Level
    ) -> Iterator[Mismatch]:
        annotation = self.types.resolve(annotation, value)
        info = self.types.info(annotation)
        if isinstance(value, Mapping):
            if isinstance(info, inspect.DictType) and get_args(annotation):
                names = list(value)
                yield from self._mismatches_of_items(
                    list(value.values()),
                    get_args(annotation)[1],
                    lambda index: inside(place, str(names[index])),
                    ("", ""),  # the decoder does not tell which entry it is
                    level.inner(dicts=1),
                )
            elif hasattr(info, "fields") and not is_array_like(info):
                yield from self._mismatches_of_fields(value, annotation, place, violation, level.inner())
        elif isinstance(value, (list, tuple)):
            if isinstance(info, LISTS) and get_args(annotation):
                item_type = get_args(annotation)[0]
                yield from self._mismatches_of_items(
                    value, item_type, lambda index: f"{place}[{index}]", violation, level.inner()
                )
            elif isinstance(info, inspect.TupleType):
                yield from self._mismatches_of_positions(value, get_args(annotation), place, level.inner())
            elif is_array_like(info):
                types = self.types.fields(annotation, info)
                yield from self._mismatches_of_positions(value, types, place, level.inner())

    def _mismatches_of_items(
        self,
        values: Sequence[Any],
        annotation: Any,
        place_of: Callable[[int], str],
        violation: Violation,
        level: _Level,
    ) -> Iterator[Mismatch]:
        """Yield the mismatches of items of one type; the longer they fit, the more are converted at once."""
        several: Any = list[annotation]
        start, count = 0, _FEW
        known: Violation | None = violation if re.match(INDEX, violation[1]) else None
        while start < len(values) and self.probe.calls <= _MOST_CALLS:
            if known is None:
                known = self.probe.look(list(values[start : start + count]), several)
            if known is None:
                start, count = start + count, min(count * 4, _MANY)
                continue
            message, path = known
            index = re.match(INDEX, path)
            if index is None:
                return
            start, count, known = start + int(index[1]), _FEW, None
            if start >= len(values):  # the index belongs to an earlier list with the same name
                start = 0
                continue
            rest = message, path[index.end() :]
            yield from self.mismatches(values[start], annotation, place_of(start), rest, level)
            start += 1

    def _mismatches_of_positions(
        self, values: Sequence[Any], annotations: Sequence[Any], place: str, level: _Level
    ) -> Iterator[Mismatch]:
        """Yield the mismatches of a few items, each with its own type."""
        for index, (value, annotation) in enumerate(zip(values, annotations)):
            violation = self.probe.look(value, annotation)
            if violation is not None:
                yield from self.mismatches(value, annotation, f"{place}[{index}]", violation, level)

    def _mismatches_of_fields(
        self, value: Mapping[str, Any], annotation: Any, place: str, violation: Violation, level: _Level
    ) -> Iterator[Mismatch]:
        info: Any = self.types.info(annotation)
        names = {field.encode_name for field in info.fields}
        stopped_at, fitting = _progress(value, names, violation)
        for field, field_type in zip(info.fields, self.types.fields(annotation, info)):
            name = field.encode_name
            inner = f"{place}.{name}"
            own: Violation | None = None
            if name not in value:
                if field.required:
                    yield inner, "is required"
            elif name == stopped_at:
                own = violation[0], violation[1][len(name) + 1 :]
            elif name not in fitting:
                own = self.probe.look(value[name], field_type)
            if own is not None:
                yield from self.mismatches(value[name], field_type, inner, own, level)
        if getattr(info, "forbid_unknown_fields", False):
            for name in value:
                if name not in names and name != info.tag_field:
                    yield inside(place, str(name)), "is not known"


def _progress(value: Mapping[str, Any], names: set[str], violation: Violation) -> tuple[str | None, set[str]]:
    """Return how far the decoder got in an object: the field where it stopped, and the fields that fit."""
    message, path = violation
    stopped_at = max((name for name in names if _leads_to(name, path)), key=len, default=None)
    if stopped_at is not None:
        before = takewhile(lambda name: name != stopped_at, value)
        return stopped_at, names.intersection(before)
    if not path and message.startswith("Object missing required field"):
        return None, names  # the decoder reports a missing field after all members
    return None, set()


def _leads_to(name: str, path: str) -> bool:
    return path.startswith(f".{name}") and path[len(name) + 1 : len(name) + 2] in ("", ".", "[")
