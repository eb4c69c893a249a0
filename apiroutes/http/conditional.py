"""Validators and conditional requests (RFC 9110 sections 8.8 and 13).

In: a request's environ, the headers of a 200. Out: whether the client has what they describe, or
the status that its preconditions ask for. Raises nothing.
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
# entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE. No two parts of it can take the same character, so that
# no field is read twice.
_MEMBER = re.compile(r'((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")?[\t ]*(?:,[\t ]*|\Z)')
_NO_CACHE = re.compile(r"(?:^|,)\s*no-cache\s*(?:,|$)", re.IGNORECASE)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9]|60)"
# Section 5.6.7, which wants letters as they are here: IMF-fixdate, rfc850-date, asctime-date.
_DATES = tuple(
    re.compile(form)
    for form in (
        f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT",
        f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        f"{_DAY} {_MONTH} (?P<day>[0-9]{{2}}| [0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)
_EPOCH = date(1970, 1, 1).toordinal()


def is_current(environ: Environ, headers: Headers) -> bool:
    """Whether the client has the 200 with these headers already."""
    # Section 13.2.1: only what GET and HEAD would send can be current.
    if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
        return False
    # As recorded: a client that says no-cache wants the whole answer.
    if "HTTP_CACHE_CONTROL" in environ and _NO_CACHE.search(environ["HTTP_CACHE_CONTROL"]):
        return False
    tags = environ.get("HTTP_IF_NONE_MATCH")
    # The most frequent, spelled out: one strong tag of letters and digits, which needs no parser.
    if tags is not None and tags[1:-1].isalnum() and tags[0] == tags[-1] == '"':
        etags = [value for name, value in headers if name.lower() == "etag"]
        if len(etags) == 1 and etags[0] == tags:
            return True
    return _has_it(environ, headers)


def outcome(environ: Environ, headers: Headers) -> int:
    """What the preconditions of a GET or HEAD make of the 200 with these headers: 200, 304 or 412.

    They are asked in the order of section 13.2.2.
    """
    wanted = environ.get("HTTP_IF_MATCH")
    if wanted is not None:
        # Section 13.1.1. A field that cannot be read names no representation, so that ours is
        # none of those that the client will have.
        if not _names(wanted, _only(headers, "etag"), weakly=False):
            return 412
    elif "HTTP_IF_UNMODIFIED_SINCE" in environ:
        # Section 13.1.4: ignored where either date cannot be read.
        since, last = timestamp(environ["HTTP_IF_UNMODIFIED_SINCE"]), _last_modified(headers)
        if since is not None and last is not None and last > since:
            return 412
    return 304 if _has_it(environ, headers) else 200


def has_part(environ: Environ, headers: Headers) -> bool:
    """Whether a part of the 200 with these headers goes with what the client has (section 13.1.5).

    A client without an If-Range did not ask. A weak tag goes with nothing, and neither does the
    date of something that may have changed again in the same second (section 8.8.2.2).
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
    """The tags of a list of them, in their order; None for what is no such list."""
    text = field.strip("\t ")
    tags = []
    position = 0
    while position < len(text):
        member = _MEMBER.match(text, position)
        if member is None:
            return None
        if member[1] is not None:
            tags.append(member[1])
        position = member.end()
    return tags


def timestamp(text: str) -> int | None:
    """An HTTP-date in seconds since 1970 (section 5.6.7); None for what is no such date."""
    text = text.strip("\t ")
    found = next(filter(None, (form.fullmatch(text) for form in _DATES)), None)
    if found is None:
        return None
    clock = int(found["hour"]), int(found["minute"]), int(found["second"])
    month, day = _MONTHS.index(found["month"]) + 1, int(found["day"])
    year = int(found["year"])
    if len(found["year"]) == 2:
        now = time.gmtime()
        year += now.tm_year // 100 * 100
        # More than 50 years ahead is the most recent year with these digits.
        if (year - 50, month, day, *clock) > now[:6]:
            year -= 100
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None
    return days * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]


def _has_it(environ: Environ, headers: Headers) -> bool:
    """Whether If-None-Match, or else If-Modified-Since, says that the client has it."""
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:  # section 13.1.3: it makes If-Modified-Since moot, readable or not
        return _names(tags, _only(headers, "etag"), weakly=True)
    if "HTTP_IF_MODIFIED_SINCE" not in environ:
        return False
    since, last = timestamp(environ["HTTP_IF_MODIFIED_SINCE"]), _last_modified(headers)
    return since is not None and last is not None and last <= since


def _names(field: str, etag: str | None, *, weakly: bool) -> bool:
    """Whether the field has the tag in its list; "*" stands for whatever there is.

    By section 8.8.3.2: a weak tag is equal to a strong one when compared weakly, and no weak tag is
    equal to anything when compared strongly.
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
    """The value of a header; None where it is not said, or said twice."""
    values = [value for name, value in headers if name.lower() == key]
    return values[0] if len(values) == 1 else None
