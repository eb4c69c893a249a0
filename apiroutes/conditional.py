"""Validators and conditional requests (RFC 9110 sections 8.8 and 13).

In: a request's environ and an answered response. Out: the response, with its ETag, and as a
304 where the client has it already. Raises nothing.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from werkzeug.http import parse_date
from xxhash import xxh3_128_hexdigest

from apiroutes.response import Response

__all__ = ["apply"]

# Section 8.8.3: entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE
_ENTITY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_WITHOUT_CONTENT = frozenset((204, 205, 304))
_NO_CACHE = re.compile(r"(?:^|,)\s*no-cache\s*(?:,|$)", re.IGNORECASE)


def apply(environ: dict[str, Any], response: Response) -> None:
    """Give what `json` or `send` answered its ETag, unless the handler did, and compare it
    with the client's.
    """
    if response._status in _WITHOUT_CONTENT:
        return
    headers = response._headers
    if response._lists is not None and "etag" in response._lists:
        return  # the handler set several, of which none is the one
    if "etag" not in headers:
        headers["etag"] = ("ETag", f'"{xxh3_128_hexdigest(response._content)}"')
    if "HTTP_IF_NONE_MATCH" not in environ and "HTTP_IF_MODIFIED_SINCE" not in environ:
        return
    if response._status != 200:
        return
    # Section 13.2.1: only what GET and HEAD of a 200 would send can be current already.
    if environ.get("REQUEST_METHOD") in ("GET", "HEAD") and _is_current(environ, response):
        response._status = 304
        response._content = b""
        response._type = None


def _is_current(environ: dict[str, Any], response: Response) -> bool:
    # As recorded: a client that says no-cache wants the whole answer.
    if _NO_CACHE.search(environ.get("HTTP_CACHE_CONTROL", "")):
        return False
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:  # section 13.1.3: it makes If-Modified-Since moot
        return _matches(tags, response._headers["etag"][1])
    modified = response._headers.get("last-modified")
    if modified is None:
        return False
    since, last = _date(environ["HTTP_IF_MODIFIED_SINCE"]), _date(modified[1])
    return since is not None and last is not None and last <= since


def _date(text: str) -> datetime | None:
    """Section 13.1.3: a date that cannot be read is as good as none."""
    try:
        return parse_date(text)
    except (OverflowError, ValueError):
        return None


def _matches(tags: str, etag: str) -> bool:
    """Section 13.1.2, by weak comparison; "*" stands for any current representation."""
    if tags.strip() == "*":
        return True
    opaque = etag.removeprefix("W/")
    return any(found[1] == opaque for found in _ENTITY_TAG.finditer(tags))
