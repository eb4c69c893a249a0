"""All that is wrong with a value of which one thing is known to be wrong.

In: a value, its type, and what the decoder stopped at. Out: the problems, each with its place. Raises
nothing.

A decoder goes through a document in its order, stops at the first thing that does not fit, and says
where that is. So what comes before fits, and is not looked at again: the search goes straight to that
place, and from there to what comes after it, on each level of its way out. Every part is converted
about once, however deep it is, and the whole costs about what the decoder's own pass does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from apiroutes.schemas.annotations import LISTS, info_of, is_union
from apiroutes.schemas.messages import Complaint, complaint, said
from apiroutes.schemas.mismatches import Mismatch, inside, is_small

__all__ = ["Search"]

# How deep problems are looked for.
_DEEPEST = 32
# The decoder does not say which entry of a dict it stopped at, so each dict on the way is gone
# through again: this many inside one another are.
_MOST_DICTS = 8
# How often the decoder is asked: more than that are only needed where nearly nothing is found.
_MOST_LOOKS = 5_000
_FEW, _MANY = 64, 65_536  # items of a list that are converted at once

_INDEX = re.compile(r"\[(\d+)\]")


class _Level:
    """How far in a part is: levels, and dicts among them."""

    __slots__ = ("depth", "dicts")

    def __init__(self, depth: int = 0, dicts: int = 0) -> None:
        self.depth = depth
        self.dicts = dicts

    def inner(self, dicts: int = 0) -> _Level:
        return _Level(self.depth + 1, self.dicts + dicts)


class Search:
    """A search through one value; `strict` as msgspec has it.

    With `piece` no more than so many parts are converted at once, so that they have little memory. What
    only shows when all of a larger part is converted, such as a check of its class, is not found then.
    """

    def __init__(self, strict: bool, piece: int | None = None) -> None:
        self.strict = strict
        self.piece = piece
        self.looks = 0
        # By identity, as an annotation need not have a hash; it is kept so that no other gets its place.
        self.infos: dict[int, tuple[Any, inspect.Type]] = {}
        self.hints: dict[int, tuple[Any, list[Any]]] = {}

    def mismatches(
        self, value: Any, annotation: Any, place: str, found: Complaint, level: _Level | None = None
    ) -> Iterator[Mismatch]:
        """The problems of a value, from the inside: of its parts, or else its own.

        `found` is what the decoder said of the value.
        """
        level = level or _Level()
        if level.depth == _DEEPEST or level.dicts == _MOST_DICTS or self.looks > _MOST_LOOKS:
            yield place, said(found[0], self._info(annotation))
            return
        parts = self._mismatches_of_parts(value, annotation, place, found, level)
        first = next(parts, None)
        if first is not None:
            yield first
            yield from parts
            return
        # A name that is twice in an object is decoded once: what was wrong may be gone.
        own = self.look(value, annotation)
        if own is not None:
            message, steps = own
            yield place + ("" if "[...]" in steps else steps), said(message, self._info(annotation))

    def look(self, value: Any, annotation: Any) -> Complaint | None:
        """What the decoder says of a value; None when it fits."""
        if self.piece is not None and not is_small(value, self.piece):
            return self._look_at_parts(value, annotation, self.piece)
        return self._look_at_whole(value, annotation)

    def _look_at_whole(self, value: Any, annotation: Any) -> Complaint | None:
        self.looks += 1
        try:
            msgspec.convert(value, annotation, strict=self.strict, str_keys=self.strict)
        except msgspec.ValidationError as error:
            return complaint(error)
        return None

    def _info(self, annotation: Any) -> inspect.Type:
        known = self.infos.get(id(annotation))
        if known is None:
            known = self.infos[id(annotation)] = (annotation, info_of(annotation))
        return known[1]

    # -- the parts of a value ----------------------------------------------------------------

    def _mismatches_of_parts(
        self, value: Any, annotation: Any, place: str, found: Complaint, level: _Level
    ) -> Iterator[Mismatch]:
        annotation = self._arm(annotation, value)
        info = self._info(annotation)
        if isinstance(value, Mapping):
            if isinstance(info, inspect.DictType) and get_args(annotation):
                names = list(value)
                yield from self._mismatches_of_items(
                    list(value.values()),
                    get_args(annotation)[1],
                    lambda index: inside(place, str(names[index])),
                    ("", ""),  # which entry it is, it does not say
                    level.inner(dicts=1),
                )
            elif hasattr(info, "fields") and not _is_array(info):
                yield from self._mismatches_of_fields(value, annotation, info, place, found, level.inner())
        elif isinstance(value, (list, tuple)):
            if isinstance(info, LISTS) and get_args(annotation):
                yield from self._mismatches_of_items(
                    value, get_args(annotation)[0], lambda index: f"{place}[{index}]", found, level.inner()
                )
            elif isinstance(info, inspect.TupleType):
                yield from self._mismatches_of_positions(value, get_args(annotation), place, level.inner())
            elif _is_array(info):
                hints = self._hints(annotation, info)
                yield from self._mismatches_of_positions(value, hints, place, level.inner())

    def _mismatches_of_items(
        self,
        values: Sequence[Any],
        annotation: Any,
        place_of: Callable[[int], str],
        found: Complaint,
        level: _Level,
    ) -> Iterator[Mismatch]:
        """Of parts that are all of one type, as many as fit converted at once."""
        several: Any = list[annotation]
        start, count = 0, _FEW
        known: Complaint | None = found if _INDEX.match(found[1]) else None
        while start < len(values) and self.looks <= _MOST_LOOKS:
            if known is None:
                known = self.look(list(values[start : start + count]), several)
            if known is None:
                start, count = start + count, min(count * 4, _MANY)
                continue
            message, steps = known
            index = _INDEX.match(steps)
            if index is None:
                return
            start, count, known = start + int(index[1]), _FEW, None
            if start >= len(values):  # of another list, that was called the same
                start = 0
                continue
            yield from self.mismatches(
                values[start], annotation, place_of(start), (message, steps[index.end() :]), level
            )
            start += 1

    def _mismatches_of_positions(
        self, values: Sequence[Any], annotations: Sequence[Any], place: str, level: _Level
    ) -> Iterator[Mismatch]:
        """Of parts that each have a type of their own, and of which there are few."""
        for index, (value, annotation) in enumerate(zip(values, annotations)):
            found = self.look(value, annotation)
            if found is not None:
                yield from self.mismatches(value, annotation, f"{place}[{index}]", found, level)

    def _mismatches_of_fields(
        self,
        value: Mapping[str, Any],
        annotation: Any,
        info: Any,
        place: str,
        found: Complaint,
        level: _Level,
    ) -> Iterator[Mismatch]:
        message, steps = found
        known = {field.encode_name for field in info.fields}
        wrong = max((name for name in known if _leads_to(name, steps)), key=len, default=None)
        fit: set[str] = set()
        if wrong is not None:
            for name in value:
                if name == wrong:
                    break
                if name in known:
                    fit.add(name)
        elif not steps and message.startswith("Object missing required field"):
            fit = known  # it is missed at the end
        for field, hint in zip(info.fields, self._hints(annotation, info)):
            name = field.encode_name
            inner = f"{place}.{name}"
            if name not in value:
                if field.required:
                    yield inner, "is required"
            elif name == wrong:
                yield from self.mismatches(value[name], hint, inner, (message, steps[len(name) + 1 :]), level)
            elif name not in fit:
                own = self.look(value[name], hint)
                if own is not None:
                    yield from self.mismatches(value[name], hint, inner, own, level)
        if getattr(info, "forbid_unknown_fields", False):
            known.add(info.tag_field)
            for name in value:
                if name not in known:
                    yield inside(place, str(name)), "is not known"

    # -- in pieces ---------------------------------------------------------------------------

    def _look_at_parts(self, value: Any, annotation: Any, piece: int) -> Complaint | None:
        annotation = self._arm(annotation, value)
        info = self._info(annotation)
        if isinstance(value, Mapping):
            if isinstance(info, inspect.DictType) and get_args(annotation):
                found = self._look_at_items(list(value.values()), get_args(annotation)[1], piece)
                return found and (found[0], "[...]" + found[1].partition("]")[2])
            fields: Any = () if _is_array(info) else getattr(info, "fields", ())
            named = (
                dict(zip((field.encode_name for field in fields), self._hints(annotation, info)))
                if fields
                else {}
            )
            for name, part in value.items():
                found = self.look(part, named[name]) if name in named else None
                if found is not None:
                    return found[0], f".{name}{found[1]}"
            if any(field.required and field.encode_name not in value for field in fields):
                return "Object missing required field", ""
        elif isinstance(value, (list, tuple)) and isinstance(info, LISTS) and get_args(annotation):
            return self._look_at_items(value, get_args(annotation)[0], piece)
        return None

    def _look_at_items(self, values: Sequence[Any], annotation: Any, piece: int) -> Complaint | None:
        several: Any = list[annotation]
        start = 0
        while start < len(values):
            count = 1
            if is_small(values[start], piece):
                chunk = list(values[start : start + piece])
                while len(chunk) > 1 and not is_small(chunk, piece):
                    chunk = chunk[: len(chunk) // 2]
                count = len(chunk)
                found = self._look_at_whole(chunk, several)
            else:
                found = self.look(values[start], annotation)
                found = found and (found[0], f"[0]{found[1]}")
            if found is not None:
                index = _INDEX.match(found[1])
                return index and (found[0], f"[{start + int(index[1])}]{found[1][index.end() :]}")
            start += count
        return None

    # -- annotations -------------------------------------------------------------------------

    def _arm(self, annotation: Any, value: Any) -> Any:
        """What an annotation is about: without Annotated, and the one of a union that is meant."""
        while True:
            if get_origin(annotation) is Annotated:
                annotation = get_args(annotation)[0]
            elif hasattr(annotation, "__supertype__"):  # a NewType
                annotation = annotation.__supertype__
            elif is_union(annotation):
                arms = [arm for arm in get_args(annotation) if self._may_be(self._info(arm), value)]
                if len(arms) != 1:
                    return annotation
                annotation = arms[0]
            else:
                return annotation

    def _may_be(self, info: inspect.Type, value: Any) -> bool:
        """Whether a container is meant to be of a type, by its kind and its tag."""
        if isinstance(info, inspect.Metadata):
            return self._may_be(info.type, value)
        if isinstance(info, inspect.UnionType):
            return any(self._may_be(each, value) for each in info.types)
        if not isinstance(value, Mapping):
            return isinstance(info, (*LISTS, inspect.TupleType)) or _is_array(info)
        if isinstance(info, inspect.DictType):
            return True
        if not hasattr(info, "fields") or _is_array(info):
            return False
        tag_field = getattr(info, "tag_field", None)
        return tag_field is None or value.get(tag_field) == getattr(info, "tag", None)

    def _hints(self, annotation: Any, info: Any) -> list[Any]:
        """The annotations of the fields, in their order."""
        known = self.hints.get(id(annotation))
        if known is None:
            owner = get_origin(annotation) or annotation
            hints = get_type_hints(owner, include_extras=True)
            given = dict(zip(getattr(owner, "__parameters__", ()), get_args(annotation)))
            found = [_given(_bare(hints[field.name]), given) for field in info.fields]
            known = self.hints[id(annotation)] = (annotation, found)
        return known[1]


def _is_array(info: inspect.Type) -> bool:
    """Whether it has names for the positions of an array."""
    return isinstance(info, inspect.NamedTupleType) or getattr(info, "array_like", False)


def _leads_to(name: str, steps: str) -> bool:
    return steps.startswith(f".{name}") and steps[len(name) + 1 : len(name) + 2] in ("", ".", "[")


def _bare(hint: Any) -> Any:
    """A TypedDict's hint without Required, NotRequired and ReadOnly."""
    while getattr(get_origin(hint), "_name", None) in ("Required", "NotRequired", "ReadOnly"):
        hint = get_args(hint)[0]
    return hint


def _given(hint: Any, given: Mapping[Any, Any]) -> Any:
    """The hint of a generic type's field, where its variables are given."""
    if hint in given:
        return given[hint]
    parameters = getattr(hint, "__parameters__", ())
    if not given or get_origin(hint) is None or not parameters:
        return hint
    return hint[tuple(given.get(parameter, parameter) for parameter in parameters)]
