"""Messages of the decoder, and messages in their place that do not quote the value.

In: an error of msgspec. Out: its message and path; a message for the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import inspect

__all__ = ["Violation", "public_message", "violation_of"]

# The decoder's message, which may quote the value, and the path from the value to the part that it concerns,
# such as `.items[3].price`; the path is empty for the value itself.
Violation = tuple[str, str]


def violation_of(error: Exception) -> Violation:
    """Return the message and the path of the decoder's error."""
    message, _, path = str(error).partition(" - at `")
    # The path of a dict's key is written "key` in `$.prices".
    return message, path.rpartition("` in `")[2].removeprefix("$").removesuffix("`")


def public_message(message: str, info: inspect.Type) -> str:
    """Return the message about a value of the type, without the value, which three messages quote."""
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
        for member in info.types:
            yield from _values(member)
    elif isinstance(info, inspect.EnumType):
        yield from (member.value for member in info.cls)
    elif isinstance(info, inspect.LiteralType):
        yield from info.values


def _tags(info: inspect.Type) -> Iterator[object]:
    if isinstance(info, inspect.Metadata):
        yield from _tags(info.type)
    elif isinstance(info, inspect.UnionType):
        for member in info.types:
            yield from _tags(member)
    elif getattr(info, "tag", None) is not None:
        yield getattr(info, "tag", None)
