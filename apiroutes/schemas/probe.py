"""The first violation of a value, found by converting it, whole or in pieces.

In: a value and its type. Out: the decoder's message and the path to the part, or None if the value fits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import msgspec
from msgspec import inspect

from apiroutes.schemas.annotations import LISTS
from apiroutes.schemas.memory import is_small
from apiroutes.schemas.messages import Violation, violation_of
from apiroutes.schemas.part_types import PartTypes, is_array_like

__all__ = ["INDEX", "Probe"]

INDEX = r"\[(\d+)\]"  # the first step of a path into a list


class Probe:
    """Converts values and counts how often; `strict` is msgspec's.

    With `piece`, at most so many parts are converted at once, to limit memory. Then it misses a violation
    that appears only when a larger part is converted as a whole, such as a check of its class.
    """

    def __init__(self, types: PartTypes, strict: bool, piece: int | None = None) -> None:
        self.types = types
        self.strict = strict
        self.piece = piece
        self.calls = 0  # of the decoder

    def look(self, value: Any, annotation: Any) -> Violation | None:
        """Return the first violation of a value, None if it fits."""
        if self.piece is not None and not is_small(value, self.piece):
            return self._look_at_parts(value, annotation, self.piece)
        return self._look_at_whole(value, annotation)

    def _look_at_whole(self, value: Any, annotation: Any) -> Violation | None:
        self.calls += 1
        try:
            msgspec.convert(value, annotation, strict=self.strict, str_keys=self.strict)
        except msgspec.ValidationError as error:
            return violation_of(error)
        return None

    def _look_at_parts(self, value: Any, annotation: Any, piece: int) -> Violation | None:
        annotation = self.types.resolve(annotation, value)
        info = self.types.info(annotation)
        if isinstance(value, Mapping):
            if isinstance(info, inspect.DictType) and get_args(annotation):
                violation = self._look_at_items(list(value.values()), get_args(annotation)[1], piece)
                return violation and (violation[0], "[...]" + violation[1].partition("]")[2])
            if hasattr(info, "fields") and not is_array_like(info):
                return self._look_at_fields(value, annotation, info)
        elif isinstance(value, (list, tuple)) and isinstance(info, LISTS) and get_args(annotation):
            return self._look_at_items(value, get_args(annotation)[0], piece)
        return None

    def _look_at_fields(self, value: Mapping[str, Any], annotation: Any, info: Any) -> Violation | None:
        types = dict(zip((field.encode_name for field in info.fields), self.types.fields(annotation, info)))
        for name, part in value.items():
            violation = self.look(part, types[name]) if name in types else None
            if violation is not None:
                return violation[0], f".{name}{violation[1]}"
        if any(field.required and field.encode_name not in value for field in info.fields):
            return "Object missing required field", ""
        return None

    def _look_at_items(self, values: Sequence[Any], annotation: Any, piece: int) -> Violation | None:
        several: Any = list[annotation]
        start = 0
        while start < len(values):
            count = 1
            if is_small(values[start], piece):
                chunk = list(values[start : start + piece])
                while len(chunk) > 1 and not is_small(chunk, piece):
                    chunk = chunk[: len(chunk) // 2]
                count = len(chunk)
                violation = self._look_at_whole(chunk, several)
            else:
                violation = self.look(values[start], annotation)
                violation = violation and (violation[0], f"[0]{violation[1]}")
            if violation is not None:
                message, path = violation
                index = re.match(INDEX, path)
                return index and (message, f"[{start + int(index[1])}]{path[index.end() :]}")
            start += count
        return None
