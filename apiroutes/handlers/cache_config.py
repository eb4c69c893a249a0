"""Whether a route's answers are cached, and how: `config["cache"]`, `revalidate` and `dynamic`.

In: what a module declares. Out: a `CacheConfig`, or None for a route that is not cached. What is wrong, or
contradicts itself, is added to the problems of the module's `config`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from apiroutes.errors import shown
from apiroutes.handlers.config_items import ConfigItems, Key
from apiroutes.handlers.constants import Constant, is_duration, is_too_long
from apiroutes.http import is_token
from apiroutes.structs import Struct

__all__ = ["KEYS", "MISPLACED", "CacheConfig", "CacheReader", "why_not_tag"]

Headers = Literal["keyed", "absent", "refused"]

_PLACE = "config.cache"
_YEAR = 31_536_000.0  # in seconds; what Next.js uses for an unlimited lifetime
# Statuses that may be stored in addition to the usual ones.
_STATUSES = (302, 303, 307, 404, 410)
_COOKIES = ("bypass", "ignore")
_LONGEST_TAG = 256
# What handlers see of a request's headers where `dynamic` makes an answer static.
_STATIC: Mapping[object, Headers] = {"force-static": "absent", "error": "refused"}


class CacheConfig(Struct, frozen=True):
    """How the answers of a route are cached. `revalidate` and `stale` are in seconds.

    `revalidate` is above zero, and `math.inf` for answers that stay until they are revalidated. For `stale`
    more seconds an old answer is served while a new one is computed. `tags` revalidate the answers. `vary`
    has names of headers as written, and `query` the keys of the query string that count, None for all.
    `context` has names in `req.context` that the handler may read, and `statuses` the additional statuses
    that are stored. `headers` is what the handler sees of the request's headers: those in the key, none
    ("absent"), or an exception ("refused").
    """

    revalidate: float
    stale: float
    tags: tuple[str, ...] = ()
    vary: tuple[str, ...] = ()
    query: tuple[str, ...] | None = None
    ignores_cookies: bool = False
    context: tuple[str, ...] = ()
    statuses: frozenset[int] = frozenset()
    headers: Headers = "keyed"


def why_not_tag(tag: object) -> str | None:
    """Return why a value is not a tag, which is a string of 1 to 256 visible characters; None for a tag."""
    if not isinstance(tag, str):
        return f"{shown(tag)} is not a string"
    if not tag:
        return "'' is empty"
    if len(tag) > _LONGEST_TAG:
        return f"a string of {len(tag)} characters is longer than {_LONGEST_TAG}"
    if " " in tag or not tag.isprintable():
        return f"{shown(tag)} has a character that is not visible"
    return None


# -- values: as written to as kept, or ValueError ----------------------------------------------


def _lifetime(value: object) -> float:
    if value is False:
        return math.inf
    return _seconds(value)


def _seconds(value: object) -> float:
    if is_too_long(value):
        raise ValueError(f" is {shown(value)}, more than ten years")
    if is_duration(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != 0:
        raise ValueError(f" is {shown(value)}")
    return 0.0


def _tags(value: object) -> tuple[str, ...]:
    return _strings(value, why_not_tag)


def _vary(value: object) -> tuple[str, ...]:
    names = _strings(value, _why_not_varying)
    return tuple({name.lower(): name for name in reversed(names)}.values())[::-1]


def _why_not_varying(name: object) -> str | None:
    if not isinstance(name, str):
        return f"{shown(name)} is not a string"
    if name == "*":
        return "'*' stands for more than a key can hold, so nothing would be stored"
    if not is_token(name):
        return f"{shown(name)} is not the name of a header"
    if name.lower() == "cookie":
        return (
            f"{shown(name)} would give each client its own entry, and requests with cookies bypass the cache"
        )
    if name.lower() == "authorization":
        return f"{shown(name)} cannot be in a key, because requests with it bypass the cache"
    return None


def _texts(value: object) -> tuple[str, ...]:
    return _strings(value, lambda item: None if isinstance(item, str) else f"{shown(item)} is not a string")


def _strings(value: object, why_not: Callable[[object], str | None]) -> tuple[str, ...]:
    items = _list(value)
    reasons = [reason for reason in map(why_not, items) if reason is not None]
    if reasons:
        raise ValueError(f": {'; '.join(reasons)}")
    return tuple(dict.fromkeys(items))


def _list(value: object) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueError(f" is {shown(value)}, not a list")
    return value


def _ignores_cookies(value: object) -> bool:
    if value not in _COOKIES:
        raise ValueError(f" is {shown(value)}")
    return value == "ignore"


def _statuses(value: object) -> frozenset[int]:
    statuses = _list(value)
    for status in statuses:
        if not isinstance(status, int) or status not in _STATUSES:
            raise ValueError(f" has {shown(status)}")
    return frozenset(map(int, statuses))


KEYS: Mapping[str, Key] = {
    "revalidate": Key("0", "Seconds for which an answer is fresh; `False`: until it is revalidated."),
    "stale": Key(
        "a year less `revalidate`",
        "Seconds past `revalidate` for which the old answer is served [while a new one is "
        "computed](caching.md#fresh-and-stale); 0: none.",
    ),
    "tags": Key("none", "Names by which [`revalidate_tag`](caching.md#revalidating) finds the answers."),
    "vary": Key(
        "none",
        "Headers that are in the key from the first request on. Headers that the handler reads are added "
        "automatically.",
    ),
    "query": Key(
        "every key",
        "The keys of the query that count; `[]`: none. The handler sees no others, so a million invented "
        "keys do not make a million entries.",
    ),
    "cookies": Key(
        '`"bypass"`',
        '`"ignore"`: requests with cookies are answered from the store as well, and the handler sees no '
        "cookies.",
    ),
    "context": Key(
        "none",
        "Names in `req.context` that the handler may read because no answer depends on them, such as a pool "
        "of connections.",
    ),
    "statuses": Key(
        "none",
        "Statuses that are kept besides [the usual ones](caching.md#what-is-never-kept): some of "
        f"{', '.join(map(str, _STATUSES))}.",
    ),
}
# By key: its reader, and how it is written.
_READERS: Mapping[str, tuple[Callable[[object], Any], str]] = {
    "revalidate": (_lifetime, "Give seconds from 0, or False: until they are revalidated."),
    "stale": (_seconds, "Give seconds from 0."),
    "tags": (_tags, 'Write a list of strings such as ["posts"], each of 1 to 256 visible characters.'),
    "vary": (_vary, 'Write a list of names of headers, such as ["Accept-Language"].'),
    "query": (_texts, 'Write a list of keys such as ["page"], or [] for none.'),
    "cookies": (_ignores_cookies, 'Write "bypass" or "ignore".'),
    "context": (_texts, 'Write a list of names in req.context, such as ["db"].'),
    "statuses": (_statuses, f"Write a list of some of {', '.join(map(str, _STATUSES))}."),
}

# Keys that are written into `config` itself, with the remedy.
MISPLACED: Mapping[str, str] = {
    **{key: f'Write it one level down: `config = {{"cache": {{"{key}": ...}}}}`.' for key in KEYS},
    "matcher": "Leave it out: middleware for these paths is in the _middleware.py of their directory.",
    "dynamic": "Write it as a constant of the module: `dynamic = ...`.",
}

# -- a module's declarations -------------------------------------------------------------------


class CacheReader:
    """Reads what one module declares about the cache; problems are added to those of `items`."""

    def __init__(self, items: ConfigItems) -> None:
        self._items = items
        self._written: Mapping[Any, Any] | None = None  # `config["cache"]` as written
        self._given: dict[str, Any] = {}  # the valid values

    def read(self, declared: object) -> None:
        """Read `config["cache"]`."""
        for key, value in self._items.read(declared, _PLACE, KEYS):
            read, remedy = _READERS[key]
            try:
                self._given[key] = read(value)
            except ValueError as error:
                self._add(key, str(error), remedy)
        if isinstance(declared, Mapping):
            self._written = declared

    def resolve(self, constants: Mapping[str, Constant]) -> CacheConfig | None:
        """Return the result of `config["cache"]` and the module's constants, which are given by name."""
        revalidate = self._revalidate(constants.get("revalidate"))
        dynamic = constants.get("dynamic")
        if dynamic is not None:
            revalidate = self._with_dynamic(dynamic, revalidate)
        self._check_context()
        if not revalidate:
            self._check_unused(revalidate)
            return None
        given = self._given
        stale = given.get("stale")
        if stale is None:  # an answer that stays until it is revalidated never gets stale
            stale = 0.0 if given.get("context") else max(0.0, _YEAR - revalidate)
        headers = _STATIC.get(dynamic.value, "keyed") if dynamic is not None else "keyed"
        is_static = headers != "keyed"
        return CacheConfig(
            revalidate,
            stale,
            given.get("tags", ()),
            given.get("vary", ()),
            () if is_static else given.get("query"),
            is_static or given.get("cookies", False),
            given.get("context", ()),
            given.get("statuses", frozenset()),
            headers,
        )

    def _revalidate(self, constant: Constant | None) -> float | None:
        """Return the lifetime; None where none is given, or an invalid one."""
        seconds: float | None = self._given.get("revalidate")
        if constant is None:
            return seconds
        of_module = _lifetime(constant.value)
        if seconds is not None and seconds != of_module:
            message = f"{_shown(constant)}, and {_PLACE}.revalidate is {self._as_written('revalidate')}."
            self._add_of(constant, message, "Keep one of them.")
        return of_module

    def _with_dynamic(self, dynamic: Constant, revalidate: float | None) -> float | None:
        """Return the lifetime with what `dynamic` says, and check that nothing else contradicts it."""
        if dynamic.value == "force-dynamic":
            if revalidate:
                message = f"{_shown(dynamic)}, which computes every answer, and `revalidate` stores them."
                self._add_of(dynamic, message, "Keep one of them.")
            return 0.0
        if dynamic.value not in _STATIC:
            return revalidate
        if revalidate == 0:
            message = f"{_shown(dynamic)}, which stores the answer, and `revalidate` is 0, which does not."
            self._add_of(dynamic, message, "Keep one of them.")
        meanings = {"cookies": ("ignore", True), "query": ([], ()), "vary": ([], ())}
        for key, (meaning, value) in meanings.items():
            if self._given.get(key, value) != value:
                message = f" is {self._as_written(key)}, and {_shown(dynamic)}, which means {meaning!r} here"
                self._add(key, message, "Keep one of them.")
        return math.inf if revalidate is None else revalidate

    def _check_context(self) -> None:
        if self._given.get("context") and self._given.get("stale"):
            message = " recomputes old answers without middleware, which fills the context"
            remedy = "Remove it, or take the values by `Depends` instead of the context."
            self._add("stale", message, remedy)

    def _check_unused(self, revalidate: float | None) -> None:
        """Report cache settings where nothing is cached."""
        if self._written is None or self._items.problems:
            return
        others = [key for key in self._written if key != "revalidate"]
        if revalidate is None:
            remedy = 'Add "revalidate" to it, with seconds or False, or remove `cache`.'
            self._items.add(_PLACE, " has no `revalidate`, so nothing is cached", remedy)
        elif others:
            self._items.warn(
                f"{_PLACE}.{others[0]}",
                " has no effect: `revalidate` is 0, so nothing is cached",
                "Remove it, or give `revalidate` seconds.",
            )

    def _as_written(self, key: str) -> str:
        return shown((self._written or {})[key])

    def _add(self, key: str, message: str, remedy: str) -> None:
        self._items.add(f"{_PLACE}.{key}", message, remedy)

    def _add_of(self, constant: Constant, message: str, remedy: str) -> None:
        self._items.add_at(constant.line, message, remedy)


def _shown(constant: Constant) -> str:
    return f"`{constant.spelling}` is {shown(constant.value)}"
