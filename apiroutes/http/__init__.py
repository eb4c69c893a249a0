"""Text to values and back, as HTTP and its neighbours write them; knows no Request, no Response and no route.

In: header fields, targets, content. Out: values, and the text of values.
"""

from __future__ import annotations

from apiroutes.http.conditional import content_hash, has_part, is_current, outcome
from apiroutes.http.cookies import dump_cookie, parse_cookies
from apiroutes.http.events import Event, comment
from apiroutes.http.fields import (
    BINARY,
    JSON,
    JSON_VALUE,
    KNOWN_NAMES,
    OF_CONTENT,
    TEXT,
    HeaderLines,
    HeaderValue,
    check_name,
    check_value,
    is_local,
    lines_of,
    location_of,
    readable,
    vary_of,
)
from apiroutes.http.hosts import canonical_host, is_address, requested_host
from apiroutes.http.json import decode_json, encode_json
from apiroutes.http.methods import METHODS
from apiroutes.http.ranges import byte_ranges
from apiroutes.http.status import BODYLESS, REDIRECTS, STATUS_LINES, phrase
from apiroutes.http.target import (
    TargetDefect,
    is_sent_unescaped,
    mount_of,
    path_of,
    read_path,
    target_size,
)

__all__ = [
    "BINARY",
    "BODYLESS",
    "JSON",
    "JSON_VALUE",
    "KNOWN_NAMES",
    "METHODS",
    "OF_CONTENT",
    "REDIRECTS",
    "STATUS_LINES",
    "TEXT",
    "Event",
    "HeaderLines",
    "HeaderValue",
    "TargetDefect",
    "byte_ranges",
    "canonical_host",
    "check_name",
    "check_value",
    "comment",
    "content_hash",
    "decode_json",
    "dump_cookie",
    "encode_json",
    "has_part",
    "is_address",
    "is_current",
    "is_local",
    "is_sent_unescaped",
    "lines_of",
    "location_of",
    "mount_of",
    "outcome",
    "parse_cookies",
    "path_of",
    "phrase",
    "read_path",
    "readable",
    "requested_host",
    "target_size",
    "vary_of",
]
