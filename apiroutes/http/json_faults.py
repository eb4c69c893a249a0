"""Values that JSON cannot represent: which part of a value is at fault, and what to write instead.

In: a value that was refused, and the exception. Out: an exception that names the place in the value.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from apiroutes.errors import JSONTypeError, shown, shown_kind
from apiroutes.http.json import encode_json

__all__ = ["refuse_unencodable"]

_DEEPEST = 200  # levels of a value that are searched
_LONGEST_KEY = 60  # characters that a message shows
_MOST_COROUTINES = 1000  # parts of a value that are searched for them


def refuse_unencodable(value: Any, error: Exception) -> NoReturn:
    """Raise the exception for a value whose encoding raised `error`: JSONTypeError, or `error` itself."""
    if not isinstance(error, (TypeError, RecursionError, UnicodeEncodeError, OverflowError)):
        raise error
    _close_coroutines(value)
    # The framework's own frames tell nothing; frames of a library or of the project's methods do.
    cause = None if _is_ours(error) else error
    raise JSONTypeError(*_find(value, error)) from cause


def _is_ours(error: Exception) -> bool:
    """Return whether only code of the framework raised the exception."""
    traceback = error.__traceback__
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "")
        if not module.startswith(("apiroutes.", "abc", "typing")):
            return False
        traceback = traceback.tb_next
    return True


def _find(value: Any, error: Exception) -> tuple[str, str]:
    """Return the place of the part that cannot be written, and why it cannot."""
    place, around = "", [value]
    while len(around) < _DEEPEST:
        inner = next(((step, part) for step, part in _parts(value) if _failure(part) is not None), None)
        if inner is None:
            return place.lstrip("."), _reason(value, error)
        step, value = inner
        place += step
        if any(value is outer for outer in around):
            name = type(value).__name__
            return place.lstrip("."), f"the {name} contains itself, so it cannot be written as JSON"
        error = _failure(value) or error
        around.append(value)
    return "", "the value nests too deeply to be written as JSON"


def _failure(value: Any) -> Exception | None:
    try:
        encode_json(value)
    except Exception as error:
        return error
    return None


def _reason(value: Any, error: Exception) -> str:
    if isinstance(value, Mapping):
        for key in value:
            if _failure({key: None}) is not None:
                return f"a key of a JSON object must be a str, not {_described(key)}: write `str(key)`"
    if isinstance(error, UnicodeEncodeError):
        return (
            "the str contains half a surrogate pair, which cannot be written as JSON: replace it in the text"
        )
    if isinstance(error, RecursionError):
        return f"the {type(value).__name__} nests too deeply to be written as JSON"
    return str(error)


def _described(key: object) -> str:
    if key is None:
        return "None"
    kind, text = type(key).__name__, shown(key)
    if text == shown_kind(key) or len(text) > _LONGEST_KEY:
        return f"{'an' if kind[0] in 'AEIOaeio' else 'a'} {kind}"
    return f"the {kind} {text}"


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of a container, each with the step that leads to it."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield (f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{shown(key)}]"), part
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from (("[...]", part) for part in value)
    else:
        for name in _fields(type(value)):
            if hasattr(value, name):
                yield f".{name}", getattr(value, name)


def _fields(kind: type) -> Sequence[str]:
    """Return the fields of a Struct, a dataclass or an attrs class."""
    if hasattr(kind, "__struct_fields__"):
        return tuple(kind.__struct_fields__)
    if dataclasses.is_dataclass(kind):
        return tuple(field.name for field in dataclasses.fields(kind))
    return tuple(field.name for field in getattr(kind, "__attrs_attrs__", ()))


def _close_coroutines(value: Any) -> None:
    """Close all coroutines in a value; Python would warn about each, without a place."""
    waiting, seen = [value], 0
    while waiting and seen < _MOST_COROUTINES:
        part = waiting.pop()
        seen += 1
        if inspect.iscoroutine(part):
            part.close()
        elif isinstance(part, (dict, list, tuple)):
            waiting += part.values() if isinstance(part, dict) else part
