"""The rate limit of a route: `config["rateLimit"]`.

In: what a module declares. Out: a `Limit`, or None for a route without a limit of its own. What is wrong is
added to the problems of the module's `config`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from apiroutes.handlers.config_items import ConfigItems, Key, snake_case
from apiroutes.rates import (
    HOW_TO_WRITE_RATES,
    Limit,
    RateError,
    check_by,
    check_cost,
    check_fail,
    check_flag,
    check_is_failure,
    check_name,
    read_rates,
    read_store,
)

__all__ = ["KEYS", "read_rate_limit"]

_PLACE = "config.rateLimit"
KEYS: Mapping[str, Key] = {
    "limit": Key("", 'A rate such as `"100/minute"`, or a list of rates, all of which count.'),
    "by": Key(
        '`"address"`',
        '[Whose requests](rate-limits.md#who-is-counted) are counted together: `"address"`, `"user"`, '
        '`"key"`, `"body.NAME"`, or a function of the request.',
    ),
    "cost": Key("`1`", "What a request counts: an int, or a function of the request; 0 is free."),
    "name": Key("not set", "Limits of the same name share a count."),
    "failuresOnly": Key(
        "`False`",
        "Whether [failures alone](rate-limits.md#sign-in-and-other-guesses) count: answers from 400 to 499.",
    ),
    "isFailure": Key(
        "400 to 499", "With `failuresOnly`, a function of the status that returns whether it is a failure."
    ),
    "store": Key("the setting `rate_limit_store`", '`"sqlite"`, `"memory"`, or the URL of a Redis.'),
    "fail": Key(
        "the setting `rate_limit_fail`",
        '`"open"` or `"closed"`: what happens to requests while the store fails.',
    ),
}
_REMEDIES: Mapping[str, str] = {
    "limit": HOW_TO_WRITE_RATES,
    "by": 'Write "address", "user", "key", "body.NAME" or a function of the request.',
    "cost": "Write an int, or a function of the request.",
    "name": "Write a short text.",
    "failuresOnly": "Write True or False.",
    "isFailure": "Write a function of the status.",
    "store": 'Write "sqlite", "memory" or the URL of a Redis.',
    "fail": 'Write "open" or "closed".',
}


def read_rate_limit(value: object, items: ConfigItems) -> Limit | None:
    """Return the limit that a value declares: rates, or a dict with them as its `limit`."""
    if not isinstance(value, Mapping):
        rates = _read(items, _PLACE, "limit", lambda: read_rates(value))
        return None if rates is None else Limit(rates)
    read: dict[str, Any] = {}
    for key, item in items.read(value, _PLACE, KEYS):
        read[snake_case(key)] = _read(items, f"{_PLACE}.{key}", key, lambda: _READERS[key](item))  # noqa: B023
    if "limit" not in value:
        items.add(_PLACE, " has no 'limit'", HOW_TO_WRITE_RATES)
    rates = read.pop("limit", None)
    if rates is None:
        return None
    cost = read.get("cost")
    if _read(items, f"{_PLACE}.cost", "cost", lambda: _cost(cost, rates)) is None and cost is not None:
        return None
    if "is_failure" in read and not read.get("failures_only"):
        items.add(
            _PLACE, " has 'isFailure' without 'failuresOnly'", 'Write `"failuresOnly": True` beside it.'
        )
    return Limit(rates, **{name: item for name, item in read.items() if item is not None})


def _read(items: ConfigItems, place: str, key: str, read: Callable[[], Any]) -> Any:
    """Return what a function reads; None for an invalid value."""
    try:
        return read()
    except ImportError as error:
        message, _, remedy = str(error).partition(". ")
        items.add(place, f": {message}", remedy)
    except (TypeError, ValueError) as error:
        remedy = error.remedy if isinstance(error, RateError) else _REMEDIES[key]
        items.add(place, f": {error}", remedy)
    return None


def _by(value: object) -> object:
    check_by(value)
    return value


def _cost(value: object, rates: tuple[Any, ...] = ()) -> object:
    check_cost(1 if value is None else value, rates)
    return value


def _name(value: object) -> object:
    check_name(value)
    return value


def _flag(value: object) -> object:
    check_flag(value)
    return value


def _is_failure(value: object) -> object:
    check_is_failure(value, failures_only=True)
    return value


def _fail(value: object) -> object:
    check_fail(value)
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "limit": read_rates,
    "by": _by,
    "cost": _cost,
    "name": _name,
    "failuresOnly": _flag,
    "isFailure": _is_failure,
    "store": lambda value: None if value is None else read_store(value),
    "fail": _fail,
}
