"""Validators and conditional requests (RFC 9110 sections 8.8 and 13).

In: a request's environ, the headers of a 200. Out: whether the client has what they describe.
Raises nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from werkzeug.http import parse_date
from xxhash import xxh3_128_hexdigest as content_hash

__all__ = ["content_hash", "is_current"]

# Section 8.8.3: entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE
_ENTITY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_NO_CACHE = re.compile(r"(?:^|,)\s*no-cache\s*(?:,|$)", re.IGNORECASE)


def is_current(environ: dict[str, Any], headers: Sequence[tuple[str, str]]) -> bool:
    """Whether the client has the 200 with these headers already."""
    # Section 13.2.1: only what GET and HEAD would send can be current.
    if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
        return False
    # As recorded: a client that says no-cache wants the whole answer.
    if "HTTP_CACHE_CONTROL" in environ and _NO_CACHE.search(environ["HTTP_CACHE_CONTROL"]):
        return False
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:  # section 13.1.3: it makes If-Modified-Since moot
        etags = _values(headers, "etag")
        return len(etags) == 1 and _matches(tags, etags[0])
    modified = _values(headers, "last-modified")
    if len(modified) != 1:
        return False
    since, last = _date(environ["HTTP_IF_MODIFIED_SINCE"]), _date(modified[0])
    return since is not None and last is not None and last <= since


def _values(headers: Sequence[tuple[str, str]], key: str) -> list[str]:
    return [value for name, value in headers if name.lower() == key]


def _date(text: str) -> datetime | None:
    """Section 13.1.3: a date that cannot be read is as good as none."""
    try:
        return parse_date(text)
    except (OverflowError, ValueError):
        return None


def _matches(tags: str, etag: str) -> bool:
    """Section 13.1.2, by weak comparison; "*" stands for any current representation."""
    if (tags == etag and etag[-1:] == '"') or tags.strip() == "*":
        return True
    opaque = etag.removeprefix("W/")
    return any(found[1] == opaque for found in _ENTITY_TAG.finditer(tags))
