"""Whether the answer of a handler may be stored, and for how long it is fresh (RFC 9111 sections 3 and 4.2).

In: a status and header lines as the handler has set them, and what the route declares. Out: a `Verdict`.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping

from apiroutes.http import timestamp
from apiroutes.structs import Struct

__all__ = ["STORED_STATUSES", "Verdict", "cache_control", "directives", "judge"]

# RFC 9110 section 15.1's heuristically cacheable statuses, without those that would be kept for an id which
# is requested too early, and those for parts.
STORED_STATUSES = frozenset((200, 203, 204, 301, 308))
_FORBIDDING = ("private", "no-store", "no-cache")
_REVALIDATING = ("must-revalidate", "proxy-revalidate")
# What means "forever" in a header: a year in seconds, as Next.js sends it (recorded).
_YEAR = 31_536_000
# Digits of seconds that are read as they are; more digits mean the greatest value (section 1.2.2).
_DIGITS, _MOST = 10, 2**31

# RFC 9111 section 5.2: a token, and after "=" a token or a quoted string.
_DIRECTIVE = re.compile(r"""\s*([^\s,=;"]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*))?\s*(?:,|$)""")


class Verdict(Struct, frozen=True):
    """What happens to an answer: it is not stored for a `reason`, or is fresh and then stale for seconds."""

    reason: str = ""
    fresh: float = 0.0
    stale: float = 0.0


def judge(
    status: int,
    headers: Mapping[str, Iterable[str]],
    size: int,
    *,
    revalidate: float,
    stale: float,
    statuses: frozenset[int],
    max_size: int,
) -> Verdict:
    """Return the verdict on an answer; `headers` are values by the header's name in lower case."""
    if status not in STORED_STATUSES and status not in statuses:
        return Verdict("status")
    if headers.get("set-cookie"):
        return Verdict("set-cookie")
    if any(member.strip() == "*" for value in headers.get("vary", ()) for member in value.split(",")):
        return Verdict("vary")
    if size > max_size:
        return Verdict("size")
    found = directives(headers.get("cache-control", ()))
    if found is None or any(name in found for name in _FORBIDDING):
        return Verdict("cache-control")
    reason, lifetime = _own_lifetime(found, headers)
    fresh = min(revalidate, lifetime - _own_age(headers))
    if reason or fresh <= 0:
        return Verdict(reason or _source_of(found, headers))
    return Verdict("", fresh, 0.0 if any(name in found for name in _REVALIDATING) else stale)


def directives(values: Iterable[str]) -> dict[str, list[str]] | None:
    """Return the directives of Cache-Control by name in lower case; None if they cannot be read."""
    found: dict[str, list[str]] = {}
    for value in values:
        position = 0
        while position < len(value):
            if value[position] in ", \t":
                position += 1
                continue
            member = _DIRECTIVE.match(value, position)
            if member is None:
                return None
            found.setdefault(member[1].lower(), []).append((member[2] or "").strip('"'))
            position = member.end()
    return found


def _own_lifetime(found: Mapping[str, list[str]], headers: Mapping[str, Iterable[str]]) -> tuple[str, float]:
    """Return for how long the answer declares itself fresh, or why that cannot be read."""
    for name in ("s-maxage", "max-age"):
        if name in found:
            seconds = [_seconds(text) for text in found[name]]
            if None in seconds:
                return "cache-control", 0.0
            return "", float(min(number for number in seconds if number is not None))
    expires = [*headers.get("expires", ())]
    if not expires:
        return "", math.inf
    moments = [timestamp(text) for text in expires]
    if any(moment is None for moment in moments):
        return "expires", 0.0
    return "", min(moment for moment in moments if moment is not None) - time.time()


def _own_age(headers: Mapping[str, Iterable[str]]) -> int:
    """Return how old an answer from elsewhere was when the handler passed it on (section 5.1)."""
    return max((_seconds(text) or 0 for text in headers.get("age", ())), default=0)


def _seconds(text: str) -> int | None:
    """Return delta-seconds (section 1.2.2); None if they cannot be read."""
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text) if len(text) <= _DIGITS else _MOST


def _source_of(found: Mapping[str, list[str]], headers: Mapping[str, Iterable[str]]) -> str:
    is_expires = headers.get("expires") and not ("s-maxage" in found or "max-age" in found)
    return "expires" if is_expires else "cache-control"


def cache_control(fresh: float, stale: float) -> str:
    """Return the Cache-Control of a stored answer that does not set its own (RFC 5861 section 3)."""
    if math.isinf(fresh):
        return f"s-maxage={_YEAR}"
    shared = f"s-maxage={int(fresh)}"
    return f"{shared}, stale-while-revalidate={int(stale)}" if stale >= 1 else shared
