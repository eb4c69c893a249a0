"""Bytes to values: bounded reading and a table of decoders. Knows no Request."""

from apiroutes.body.decoders import Body, read_body
from apiroutes.body.jsontext import decode_json
from apiroutes.body.limits import Limits
from apiroutes.body.patience import BodyInput, stop_reading, stop_receiving, unwatch, watch
from apiroutes.body.reading import KeptContent, bounded_stream, drain, has_unread, keep, read_content
from apiroutes.body.urlencoded import Values, parse_urlencoded

__all__ = [
    "Body",
    "BodyInput",
    "KeptContent",
    "Limits",
    "Values",
    "bounded_stream",
    "decode_json",
    "drain",
    "stop_reading",
    "has_unread",
    "keep",
    "parse_urlencoded",
    "read_body",
    "read_content",
    "stop_receiving",
    "unwatch",
    "watch",
]
