"""Constants of a module with names of the App Router's route segment config.

In: what a module exports. Out: those that are meant, each with its line, and what is wrong with them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import NamedTuple, TypeGuard

from apiroutes.errors import suggest
from apiroutes.handlers.config_items import Key, snake_case

__all__ = [
    "READ",
    "Constant",
    "constants_in",
    "is_duration",
    "is_meaningless",
    "is_too_long",
    "remedy_of",
]

# Names of Next.js's route segment config that we read, and the values of its `dynamic`.
READ: Mapping[str, Key] = {
    "maxDuration": Key("not set", 'Seconds after which the client gets a 504, as `config["maxDuration"]`.'),
    "revalidate": Key(
        "0",
        "Seconds for which all workers answer GET [from the cache](caching.md); `False`: until it is "
        'revalidated. It is `config["cache"]["revalidate"]`.',
    ),
    "dynamic": Key(
        '`"auto"`',
        '`"force-static"` keeps one answer for each path, whatever cookies, query and headers a request has; '
        '`"error"` is the same, and reading a header raises; `"force-dynamic"` computes every answer.',
    ),
}
_DYNAMIC = ("auto", "force-dynamic", "force-static", "error")
# Its other names, with the types of their values: for its platform, its own fetch and its pages.
_MEANINGLESS: Mapping[str, tuple[type, ...]] = {
    "runtime": (str,),
    "preferredRegion": (str, list, tuple),
    "fetchCache": (str,),
    "dynamicParams": (bool,),
}
# Ten years, in seconds.
_LONGEST = 315_360_000
_LARGEST = sys.float_info.max
_SCALARS = (str, bytes, bool, int, float, timedelta, type(None))


class Constant(NamedTuple):
    """A constant of a module: the App Router's name for it, and the one in the module."""

    name: str
    spelling: str
    value: object
    line: int


def constants_in(exports: Mapping[str, object], line_of: Callable[[str], int | None]) -> list[Constant]:
    """Return the constants of a module that have a name of the App Router's, and a value of the right kind.

    `line_of` gives the line where the module itself assigns a name, None where it does not. Anything
    else with such a name, for example a function or a dict, is the module's own business.
    """
    constants = []
    for name in (*READ, *_MEANINGLESS):
        for spelling in dict.fromkeys((name, snake_case(name))):
            if spelling in exports and _is_meant(name, exports[spelling]):
                line = line_of(spelling)
                if line is not None:
                    constants.append(Constant(name, spelling, exports[spelling], line))
    return constants


def is_meaningless(constant: Constant) -> bool:
    """Return whether a constant is for Next.js's platform, its fetch or its pages."""
    return constant.name in _MEANINGLESS


def remedy_of(constant: Constant) -> str | None:
    """Return a right value to write instead; None where the value is right."""
    name, spelling, value, _ = constant
    if name == "maxDuration":
        return None if is_duration(value) else "Give a number of seconds above zero."
    rename = f"or call it `_{spelling}` if the name is your own."
    if name == "dynamic":
        return None if value in _DYNAMIC else suggest(str(value), _DYNAMIC)[:-1] + f", {rename}"
    if is_too_long(value):
        return f"Write False for more than ten years: until the answers are revalidated, {rename}"
    is_seconds = value is False or value == 0 or is_duration(value)
    return None if is_seconds and value is not True else f"Give seconds from 0, or False, {rename}"


def is_duration(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number of seconds above zero."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value <= _LARGEST


def is_too_long(value: object) -> bool:
    """Return whether a value is a number of seconds that is too long for a lifetime: over ten years."""
    return isinstance(value, (int, float)) and _LONGEST < value < float("inf")


def _is_meant(name: str, value: object) -> bool:
    """Return whether a value is of a kind that shows that the App Router's name is meant."""
    if name == "maxDuration":  # nobody gives this name to anything else
        return not callable(value)
    return isinstance(value, _MEANINGLESS.get(name, _SCALARS))
