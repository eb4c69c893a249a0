"""Rates such as `100/minute`, and limits, which count something at these rates.

In: the arguments that a project writes. Out: `Rate`s, and a `Limit`. Raises ValueError or TypeError with a
sentence that says what is wrong, and ImportError without the library `limits`, which defines the notation of
rates.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, Union

from apiroutes.concurrency import is_async
from apiroutes.errors import shown
from apiroutes.settings import StoreURL, read_shared_store
from apiroutes.structs import Struct

__all__ = [
    "HOW_TO_WRITE_RATES",
    "KNOWN_AT_ONCE",
    "By",
    "Cost",
    "IsFailure",
    "Limit",
    "Rate",
    "RateError",
    "check_by",
    "check_cost",
    "check_fail",
    "check_flag",
    "check_is_failure",
    "check_name",
    "limit_of",
    "read_rates",
    "read_store",
]

HOW_TO_WRITE_RATES = 'Write an amount and a period, such as "100/minute", "5 per 15 minutes" or "1000/day".'

# RFC 9651 section 3.3.1 allows integers of 15 digits in header fields; Lua computes with doubles in Redis.
_LARGEST_AMOUNT = 10**12
_LONGEST = 366 * 86_400  # seconds
_NO_TIME = r"(?:/|per)\s*0+\s*[a-z]"
_LONGEST_SHOWN, _LONGEST_NAME = 60, 64  # characters
# The keys to count requests by that are known before the body arrives.
KNOWN_AT_ONCE = ("address", "user", "key")
_FIELD = r"body\.\s*\S.*"

# What requests are counted by, and how much one counts; a function takes the request.
By = Union[str, Callable[[Any], object]]
Cost = Union[int, Callable[[Any], int]]
# Whether an answer with this status is a failure.
IsFailure = Callable[[int], bool]


class Rate(Struct, frozen=True):
    """At most `amount` in any `seconds`, both at least 1, and the text in which it was written."""

    amount: int
    seconds: int
    text: str


class RateError(ValueError):
    """A rate that can be read but not counted; `remedy` says what to write."""

    def __init__(self, problem: str, remedy: str = HOW_TO_WRITE_RATES) -> None:
        super().__init__(problem)
        self.remedy = remedy


def is_refusal(status: int) -> bool:
    """Return whether the client has failed: a server error says nothing about what the client has sent."""
    return 400 <= status <= 499


class Limit(Struct, frozen=True):
    """What to count, and how much of it is allowed.

    `name` keeps its counts apart from other counts, and appears in header fields. `store` and `fail` are None
    if the project's settings decide.
    """

    rates: tuple[Rate, ...]
    by: By = "address"
    name: str | None = None
    cost: Cost = 1
    failures_only: bool = False
    is_failure: IsFailure = is_refusal
    store: str | StoreURL | None = None
    fail: str | None = None


def limit_of(
    rates: Sequence[str],
    *,
    by: By,
    name: str | None,
    cost: Cost,
    failures_only: bool,
    is_failure: IsFailure | None,
    store: str | None,
    fail: str | None,
) -> Limit:
    """Return the limit for the arguments of `rate_limit`."""
    try:
        read = read_rates(_texts(rates))
    except (TypeError, ValueError) as error:
        remedy = error.remedy if isinstance(error, RateError) else HOW_TO_WRITE_RATES
        raise type(error)(f"{error}. {remedy}") from None
    _checked("by: ", lambda: check_by(by))
    _checked("name: ", lambda: check_name(name))
    _checked("cost: ", lambda: check_cost(cost, read))
    _checked("failures_only: ", lambda: check_flag(failures_only))
    _checked("is_failure: ", lambda: check_is_failure(is_failure, failures_only))
    _checked("fail: ", lambda: check_fail(fail))
    place = None if store is None else _checked("store: ", lambda: read_store(store))
    return Limit(read, by, name, cost, failures_only, is_failure or is_refusal, place, fail)


def read_store(store: object) -> str | StoreURL:
    """Return the store of a limit. Raises ValueError, TypeError, and ImportError without redis-py."""
    place: str | StoreURL = read_shared_store(store)
    if isinstance(place, StoreURL) and not _has_redis():
        raise ImportError("redis is not installed. Run: pip install 'apiroutes[redis]'")
    return place


def check_flag(value: object) -> None:
    """Raise TypeError for anything but True and False."""
    if not isinstance(value, bool):
        raise TypeError(f"{shown(value)} is not a bool")


def check_is_failure(is_failure: object, failures_only: bool) -> None:
    """Raise ValueError or TypeError for something that cannot tell whether a status is a failure."""
    if is_failure is None:
        return
    if not failures_only:
        raise ValueError("it is only for failures_only=True")
    if not callable(is_failure) or isinstance(is_failure, type):
        status = is_failure if type(is_failure) is int else 401
        how = f"such as `lambda status: status == {status}`"
        raise TypeError(f"{shown(is_failure)} is not a function of the status, {how}")
    _check_function(is_failure, "is_failure", "status")


def check_fail(fail: object) -> None:
    """Raise ValueError for anything except what to do if the store fails; None means the setting."""
    if fail not in (None, "open", "closed"):
        raise ValueError(f'{shown(fail)} is neither "open" nor "closed"')


def _texts(rates: Sequence[object]) -> list[str]:
    """Return the rates that were passed to `rate_limit`. Raises TypeError for something other than a str."""
    texts: list[str] = []
    for rate in rates:
        if isinstance(rate, (list, tuple)):
            written = ", ".join(map(shown, rate))[:_LONGEST_SHOWN]
            raise TypeError(f"write rate_limit({written}), without a list")
        if not isinstance(rate, str):
            raise TypeError(f"{shown(rate)} is not a rate, which must be a str")
        texts.append(rate)
    return texts


def _check_function(function: Callable[..., Any], name: str, argument: str) -> None:
    """Raise TypeError for an async function, and for a function that does not take exactly one argument."""
    if is_async(function):
        raise TypeError("it is an async function: write a plain one")
    try:
        signature = inspect.signature(function)
    except ValueError:  # some built-in functions have no signature
        return
    try:
        signature.bind(None)
    except TypeError:
        usual = f"`def {name}({'req' if argument == 'request' else argument}): ...`"
        raise TypeError(f"it has to take one argument, the {argument}: {usual}") from None


def _has_redis() -> bool:
    try:
        return find_spec("redis") is not None
    except ValueError:  # a module that tests use in its place
        return False


def _checked(before: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (TypeError, ValueError) as error:
        raise type(error)(f"{before}{error}") from None


def check_by(by: object) -> None:
    """Raise ValueError or TypeError for an invalid `by`."""
    expected = '"address", "user", "key", "body.NAME" or a function of the request'
    if isinstance(by, str) and by not in KNOWN_AT_ONCE and not re.fullmatch(_FIELD, by, re.DOTALL):
        raise ValueError(f"{shown(by)} is not one of {expected}")
    if not isinstance(by, str) and (not callable(by) or isinstance(by, type)):
        raise TypeError(f"{shown(by)} is not one of {expected}")
    if callable(by):
        _check_function(by, "by", "request")


def check_name(name: object) -> None:
    """Raise ValueError for an invalid name: a string of RFC 9651 section 3.3.3; None means no name."""
    if name is None:
        return
    if not (isinstance(name, str) and name and name.isascii() and name.isprintable()):
        raise ValueError(f"{shown(name)} is not a str of printable ASCII characters")
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"it has {len(name)} characters, more than {_LONGEST_NAME}")


def check_cost(cost: object, rates: Sequence[Rate]) -> None:
    """Raise ValueError or TypeError for an invalid cost under these rates."""
    if callable(cost) and not isinstance(cost, type):
        _check_function(cost, "cost", "request")
        return
    if type(cost) is not int:
        raise TypeError(f"{shown(cost)} is neither an int nor a function of the request")
    if cost < 0:
        raise ValueError(f"{shown(cost)} is less than 0")
    least = min((rate.amount for rate in rates), default=cost)
    if cost > least:
        raise ValueError(f"{shown(cost)} is more than {least}, so every request would be refused")


def read_rates(value: object) -> tuple[Rate, ...]:
    """Read one rate or several, each with another period, in the notation of `limits`.

    A string may contain several rates, separated by commas or semicolons. A month has 30 days, a year 360.
    Raises TypeError for anything except strings, ValueError for a string that cannot be read.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise TypeError(f"{shown(value)} is neither a string nor a list of strings")
    rates = [rate for text in texts for rate in _read(text)]
    if not rates:
        raise ValueError(f"{shown(value)} contains no rate")
    seconds = [rate.seconds for rate in rates]
    for rate in rates:
        if seconds.count(rate.seconds) > 1:
            raise RateError(
                f"{shown(value)} contains two rates for {rate.seconds} seconds", "Keep one of the two."
            )
    return tuple(rates)


def _read(text: str) -> list[Rate]:
    try:
        from limits import parse_many
    except ImportError:
        raise ImportError("limits is not installed. Run: pip install 'apiroutes[limits]'") from None
    told = repr(text[:_LONGEST_SHOWN])
    try:
        items = parse_many(text)
    except ValueError:  # its text says that it could not be parsed, or that the unit is unknown
        raise ValueError(f"{told} is not a rate") from None
    rates = []
    for item in items:
        written = text.strip() if len(items) == 1 else repr(item)
        if not 1 <= item.amount <= _LARGEST_AMOUNT:
            problem = f"{told} has an amount that is not from 1 to {_LARGEST_AMOUNT:,}"
            raise RateError(problem, "Write an amount from 1.")
        # `limits` accepts zero minutes as one.
        if item.get_expiry() > _LONGEST or re.search(_NO_TIME, text, re.IGNORECASE):
            problem = f"{told} has a period that is not from a second to a year"
            raise RateError(problem, "Write a period from a second to a year.")
        rates.append(Rate(item.amount, item.get_expiry(), written))
    return rates
