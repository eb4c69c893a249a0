"""Converts the text of HTTP to values and back; this room never knows a Request, a Response or a route.

In: header fields, targets, content. Out: values, and the text of values.
"""

from __future__ import annotations

from apiroutes.http.conditional import content_hash, has_part, is_current, outcome, timestamp
from apiroutes.http.cookies import dump_cookie, find_cookie, needs_secure, parse_cookies
from apiroutes.http.events import Event, comment
from apiroutes.http.fields import (
    BINARY,
    CONTENT_FIELDS,
    FIELD_KEYS,
    JSON,
    JSON_VALUE,
    TEXT,
    HeaderLines,
    HeaderValue,
    check_field_name,
    decode_field_value,
    encode_field_value,
    encode_location,
    field_lines,
    is_local,
    merge_vary,
)
from apiroutes.http.grammar import TOKEN, is_token
from apiroutes.http.hosts import canonical_host, is_address, listed_hosts, requested_host, server_of
from apiroutes.http.json import decode_json, encode_json, shallow_decoder
from apiroutes.http.json_faults import refuse_unencodable
from apiroutes.http.methods import METHODS
from apiroutes.http.negotiation import prefers_html, prefers_json, prefers_text
from apiroutes.http.origins import canonical_origin, is_own_origin
from apiroutes.http.ranges import byte_ranges
from apiroutes.http.status import BODYLESS, REDIRECTS, STATUS_LINES, phrase
from apiroutes.http.target import (
    TargetDefect,
    is_sent_unescaped,
    mount_of,
    parse_path,
    path_of,
    read_path,
    target_size,
)

__all__ = [
    "BINARY",
    "BODYLESS",
    "CONTENT_FIELDS",
    "FIELD_KEYS",
    "JSON",
    "JSON_VALUE",
    "METHODS",
    "REDIRECTS",
    "STATUS_LINES",
    "TEXT",
    "TOKEN",
    "Event",
    "HeaderLines",
    "HeaderValue",
    "TargetDefect",
    "byte_ranges",
    "canonical_origin",
    "canonical_host",
    "check_field_name",
    "comment",
    "content_hash",
    "decode_field_value",
    "decode_json",
    "dump_cookie",
    "encode_field_value",
    "encode_json",
    "encode_location",
    "field_lines",
    "find_cookie",
    "has_part",
    "is_address",
    "is_current",
    "is_local",
    "is_own_origin",
    "is_sent_unescaped",
    "is_token",
    "listed_hosts",
    "merge_vary",
    "mount_of",
    "needs_secure",
    "outcome",
    "parse_cookies",
    "parse_path",
    "path_of",
    "phrase",
    "prefers_html",
    "prefers_json",
    "prefers_text",
    "read_path",
    "refuse_unencodable",
    "requested_host",
    "server_of",
    "shallow_decoder",
    "target_size",
    "timestamp",
]
