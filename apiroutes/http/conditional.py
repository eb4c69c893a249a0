"""Validators and conditional requests (RFC 9110 sections 8.8 and 13).

In: a request's environ, the headers of a 200. Out: whether the client has the representation that they
describe, or the status that its preconditions require.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import date

from xxhash import xxh3_128_hexdigest as content_hash

from apiroutes.types import Environ

__all__ = ["content_hash", "entity_tags", "has_part", "is_current", "outcome", "timestamp"]

Headers = Sequence[tuple[str, str]]

# One member of a list (section 5.6.1.2), which may be empty, up to the comma after it. Section 8.8.3:
# entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE. No two parts of the pattern match the same character, so
# that it never backtracks.
_LISTED_TAG = re.compile(r'((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")?[\t ]*(?:,[\t ]*|\Z)')
_NO_CACHE = re.compile(r"(?:^|,)\s*no-cache\s*(?:,|$)", re.IGNORECASE)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
# Section 5.6.7: IMF-fixdate, rfc850-date, asctime-date, all case-sensitive.
_DATES = (
    f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
    f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
    f"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
)
_EPOCH = date(1970, 1, 1).toordinal()


def is_current(environ: Environ, headers: Headers) -> bool:
    """Return whether the client already has the 200 with these headers."""
    # Section 13.2.1: only GET and HEAD ask for a representation that the client may have.
    if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
        return False
    # A client that sends no-cache wants the whole response; Next.js does this (recorded).
    if "HTTP_CACHE_CONTROL" in environ and _NO_CACHE.search(environ["HTTP_CACHE_CONTROL"]):
        return False
    tags = environ.get("HTTP_IF_NONE_MATCH")
    # The most frequent case needs no parser: one tag of letters and digits that equals ours.
    opaque = "" if tags is None else tags.removeprefix("W/")
    if opaque[1:-1].isalnum() and opaque[0] == opaque[-1] == '"':
        etags = [value for name, value in headers if name.lower() == "etag"]
        if len(etags) == 1 and etags[0] == tags:
            return True
    return _has_it(environ, headers)


def outcome(environ: Environ, headers: Headers) -> int:
    """Return the status that the preconditions of a GET or HEAD give to the 200 with these headers.

    It is 200, 304 or 412. They are evaluated in the order of section 13.2.2.
    """
    wanted = environ.get("HTTP_IF_MATCH")
    if wanted is not None:
        # Section 13.1.1. An invalid field names no representation, so it does not name ours.
        if not _names(wanted, _only(headers, "etag"), weakly=False):
            return 412
    elif "HTTP_IF_UNMODIFIED_SINCE" in environ:
        # Section 13.1.4: ignored if either date is invalid.
        since, last = timestamp(environ["HTTP_IF_UNMODIFIED_SINCE"]), _last_modified(headers)
        if since is not None and last is not None and last > since:
            return 412
    return 304 if _has_it(environ, headers) else 200


def has_part(environ: Environ, headers: Headers) -> bool:
    """Return whether a part of the 200 with these headers fits the part that the client has.

    Section 13.1.5. A request without If-Range accepts any part. A weak tag never fits, and neither
    does the date of something that may have changed again in the same second (section 8.8.2.2).
    """
    wanted = environ.get("HTTP_IF_RANGE")
    if wanted is None:
        return True
    wanted = wanted.strip("\t ")
    if wanted[:1] == '"':
        return wanted == _only(headers, "etag") and entity_tags(wanted) == [wanted]
    last = _last_modified(headers)
    return last is not None and timestamp(wanted) == last and last <= time.time() - 1


def entity_tags(field: str) -> list[str] | None:
    """Return the tags of a list of entity tags, in order; None if the field is not such a list."""
    text = field.strip("\t ")
    tags = []
    position = 0
    while position < len(text):
        member = _LISTED_TAG.match(text, position)
        if member is None:
            return None
        if member[1] is not None:
            tags.append(member[1])
        position = member.end()
    return tags


def timestamp(text: str) -> int | None:
    """Return an HTTP-date in seconds since 1970 (section 5.6.7); None if it is not one."""
    text = text.strip("\t ")
    match = next(filter(None, (re.fullmatch(form, text) for form in _DATES)), None)
    if match is None:
        return None
    clock = int(match["hour"]), int(match["minute"]), int(match["second"])
    month, day = _MONTHS.index(match["month"]) + 1, int(match["day"])
    year = int(match["year"])
    if len(match["year"]) == 2:
        now = time.gmtime()
        year += now.tm_year // 100 * 100
        # A year more than 50 years ahead means the most recent year with these digits.
        if (year - 50, month, day, *clock) > now[:6]:
            year -= 100
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None
    return days * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]


def _has_it(environ: Environ, headers: Headers) -> bool:
    """Return whether If-None-Match, or else If-Modified-Since, shows that the client has it."""
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:  # section 13.1.3: it overrides If-Modified-Since, even if it is invalid
        return _names(tags, _only(headers, "etag"), weakly=True)
    if "HTTP_IF_MODIFIED_SINCE" not in environ:
        return False
    since, last = timestamp(environ["HTTP_IF_MODIFIED_SINCE"]), _last_modified(headers)
    return since is not None and last is not None and last <= since


def _names(field: str, etag: str | None, *, weakly: bool) -> bool:
    """Return whether the field lists the tag; "*" means any representation.

    Section 8.8.3.2: compared weakly, a weak tag can equal a strong one; compared strongly, it equals
    nothing.
    """
    if field.strip("\t ") == "*":
        return True
    tags = entity_tags(field)
    if not tags or etag is None:
        return False
    if not weakly:
        return etag[:1] == '"' and etag in tags
    opaque = etag.removeprefix("W/")
    return any(tag.removeprefix("W/") == opaque for tag in tags)


def _last_modified(headers: Headers) -> int | None:
    last = _only(headers, "last-modified")
    return None if last is None else timestamp(last)


def _only(headers: Headers, key: str) -> str | None:
    """Return the value of a header that is set once, otherwise None."""
    values = [value for name, value in headers if name.lower() == key]
    return values[0] if len(values) == 1 else None
