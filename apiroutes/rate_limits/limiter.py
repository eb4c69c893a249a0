"""One limit at work: counts requests, refuses excess requests, and reports in header fields what is left.

In: requests. Out: header fields (draft-ietf-httpapi-ratelimit-headers-11). Raises ApiError 429, or 503 if the
store fails and the limit fails closed.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Sequence

from apiroutes.errors import ApiError, shown
from apiroutes.logs import log_of_request
from apiroutes.rate_limits.keys import digest_maker, subject_maker
from apiroutes.rate_limits.opening import OpenedCounters
from apiroutes.rates import Limit, Rate
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.stores import StoreError, Use, Window
from apiroutes.structs import Struct

__all__ = ["Limiter", "Taken"]

# Seconds after which a client may retry a request that was refused because the store fails.
_RETRY_AFTER_FAULT = "5"
# Seconds between two records of refusals by one limit.
_LOG_EVERY = 10.0
_DIGITS_SHOWN = 12
_COMMA = ", "  # between the members of a field
# More than any amount; what a function returns may be more than SQLite can compare.
_LARGEST_COST = 2**53


class Taken(Struct, frozen=True):
    """What a request was counted as, and its members of the field RateLimit: one for each rate."""

    uses: list[Use]
    windows: list[Window]
    members: str = ""


class Limiter:
    """Counts requests under the `name` of a limit; with `fails_open`, admits them while the store fails."""

    def __init__(self, limit: Limit, name: str, opened: OpenedCounters, fails_open: bool) -> None:
        self._limit = limit
        self._cost = limit.cost
        self._subject_of = subject_maker(limit.by)
        self._opened = opened  # as long as this, it is the App's
        self._counters = opened.counters
        self._fails_open = fails_open
        self._counted = [
            (digest_maker(name, rate.seconds), rate.amount, rate.seconds) for rate in limit.rates
        ]
        self._name = limit.name or "default"  # in header fields and in the log
        self._policies = _policies_of(self._name, limit.rates)
        self._refused = 0
        self._log_at = 0.0

    def admit(self, req: Request, res: Response) -> Taken | None:
        """Count a request; return None if it is not limited. Raises ApiError for a request too many."""
        subject = self._subject_of(req)
        if subject is None:
            return None
        cost = self._cost if type(self._cost) is int else _checked(self._cost(req))  # type: ignore[operator]
        if not cost:
            return None
        uses = [
            Use(digest_of(subject), amount, seconds, cost) for digest_of, amount, seconds in self._counted
        ]
        try:
            is_admitted, windows = self._counters.take(uses)
        except StoreError:
            if self._fails_open:
                return None
            raise ApiError(503, headers={"Retry-After": _RETRY_AFTER_FAULT}) from None
        taken = Taken(uses, windows)
        if not is_admitted:
            self._refuse(taken, req, res)
        return Taken(uses, windows, self._tell(taken, res))

    def give_back(self, taken: Taken, res: Response) -> None:
        """Stop counting a request, and correct the header field if the head of the response has not left."""
        try:
            self._counters.give_back(taken.uses, taken.windows)
        except StoreError:  # then it counts
            return
        line = res._headers.get("ratelimit")
        if line is not None:  # after its head has left this changes nothing
            left = [_left(use, window, use.cost) for use, window in zip(taken.uses, taken.windows)]
            told = _with_left(taken.members, left)
            res._headers["ratelimit"] = (line[0], line[1].replace(taken.members, told))

    def _tell(self, taken: Taken, res: Response, waits: Sequence[float] = ()) -> str:
        """Set both fields: the policies, and for each policy what is left, and for how many seconds.

        Return the members of RateLimit; members that other limits have set come first.
        """
        other_policies = _members(res, "RateLimit-Policy")
        other_limits = _members(res, "RateLimit") if other_policies else ""
        policies, limits = [], []
        for number, (use, window) in enumerate(zip(taken.uses, taken.windows)):
            name, policy = self._policies[number]
            if other_policies and f"{name};" in other_policies:
                name = _another(name, other_policies)
                policy = f"{name};q={use.amount};w={use.seconds}"
            wait = waits[number] if waits else 0.0
            seconds = math.ceil(wait or window.ends_in(use.seconds))
            policies.append(policy)
            limits.append(f"{name};r={_left(use, window)};t={max(seconds, 1)}")
        members = _COMMA.join(limits)
        res.set_header("RateLimit-Policy", other_policies + _COMMA.join(policies))
        res.set_header("RateLimit", other_limits + members)
        return members

    def _refuse(self, taken: Taken, req: Request, res: Response) -> None:
        waits = [
            window.seconds_until(max(0, use.amount - use.cost), use.seconds)
            for use, window in zip(taken.uses, taken.windows)
        ]
        self._tell(taken, res, waits)
        seconds = max(1, math.ceil(max(waits)))
        self._log(req, taken)
        if any(use.cost > use.amount for use in taken.uses):  # there is never room for it
            raise ApiError(429, "This request is more than the limit allows at once.")
        raise ApiError(429, f"Too many requests. Try again in {seconds} s.", {"Retry-After": str(seconds)})

    def _log(self, req: Request, taken: Taken) -> None:
        """Log that the limit refuses, at most once in ten seconds: a refused client may continue for long.

        The client appears as the first digits of its digest, which are the same at each refusal.
        """
        self._refused += 1
        moment = time.monotonic()
        if moment >= self._log_at:
            count, self._refused, self._log_at = self._refused, 0, moment + _LOG_EVERY
            rates = ", ".join(rate.text for rate in self._limit.rates)
            template = "The rate limit %r (%s) refuses the request of %s, and has refused %d others lately"
            who = taken.uses[0].key.hex()[:_DIGITS_SHOWN]
            # Record: A limit answers 429; logged at most every ten seconds for each limit. The client appears
            # as a digest, the same at each refusal.
            log_of_request(logging.INFO, req, template, self._name, rates, who, count - 1)


def _left(use: Use, window: Window, given_back: int = 0) -> int:
    return max(0, use.amount - window.used(use.seconds) + given_back)


def _with_left(members: str, left: Sequence[int]) -> str:
    """Return the members of RateLimit with updated numbers of what is left."""
    numbers = iter(left)
    return re.sub(r'(?<=";r=)\d+(?=;t=\d+(?:, "|$))', lambda found: str(next(numbers)), members)


def _policies_of(name: str, rates: Sequence[Rate]) -> list[tuple[str, str]]:
    """Return for each rate its name as a string (RFC 9651 section 3.3.3), and its policy."""
    policies: list[tuple[str, str]] = []
    for number, rate in enumerate(rates, 1):
        text = name if number == 1 else f"{name}-{number}"
        quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        policies.append((quoted, f"{quoted};q={rate.amount};w={rate.seconds}"))
    return policies


def _members(res: Response, name: str) -> str:
    """Return the members of a field, with a comma after the last."""
    value = res.get_header(name)
    if value is None:
        return ""
    return (value if isinstance(value, str) else _COMMA.join(value)) + _COMMA


def _another(name: str, members: str) -> str:
    """Return a name that no member of a field has yet."""
    number = 2
    while f'{name[:-1]}-{number}";' in members:
        number += 1
    return f'{name[:-1]}-{number}"'


def _checked(cost: object) -> int:
    """Return the cost that a function has returned. Raises TypeError and ValueError."""
    if type(cost) is not int:
        raise TypeError(f"cost=... of a rate limit returned {shown(cost)}, not an int")
    if cost < 0:
        raise ValueError(f"cost=... of a rate limit returned {shown(cost)}, which is less than 0")
    return min(cost, _LARGEST_COST)
