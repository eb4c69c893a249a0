"""What the decoder says of a value, in words that have nothing of the value.

In: a message of msgspec's. Out: what was wrong, and where. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import inspect

__all__ = ["Complaint", "complaint", "said"]


# What is wrong, and the way to it, as `.items[3].price`; empty for the value itself.
Complaint = tuple[str, str]


def complaint(error: Exception) -> Complaint:
    """What the decoder says of a value."""
    message, _, place = str(error).partition(" - at `")
    # Of a key of a dict: "key` in `$.prices".
    return message, place.rpartition("` in `")[2].removeprefix("$").removesuffix("`")


def said(message: str, info: inspect.Type) -> str:
    """What is wrong with a value of the type; three messages quote what was sent."""
    if message.startswith("Invalid enum value"):
        return _expected(_values(info)) or "Invalid enum value"
    if message.startswith("Invalid value"):
        return _expected(_tags(info)) or "Invalid value"
    if message.startswith("Object contains unknown field"):
        return "Object contains an unknown field"
    return message


def _expected(allowed: Iterable[object]) -> str:
    values = ", ".join(f"`{value}`" for value in allowed)
    return f"Expected one of {values}" if values else ""


def _values(info: inspect.Type) -> Iterator[object]:
    if isinstance(info, inspect.Metadata):
        yield from _values(info.type)
    elif isinstance(info, inspect.UnionType):
        for each in info.types:
            yield from _values(each)
    elif isinstance(info, inspect.EnumType):
        yield from (member.value for member in info.cls)
    elif isinstance(info, inspect.LiteralType):
        yield from info.values


def _tags(info: inspect.Type) -> Iterator[object]:
    if isinstance(info, inspect.Metadata):
        yield from _tags(info.type)
    elif isinstance(info, inspect.UnionType):
        for each in info.types:
            yield from _tags(each)
    elif getattr(info, "tag", None) is not None:
        yield getattr(info, "tag", None)
