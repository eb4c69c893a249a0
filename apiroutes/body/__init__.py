"""Bytes to values: bounded reading and a table of decoders. Knows no Request."""

from apiroutes.body.decoders import Body, read_body
from apiroutes.body.jsontext import decode_json
from apiroutes.body.limits import Limits
from apiroutes.body.patience import end_reading, shut, unwatch, watch
from apiroutes.body.reading import bounded_stream, read_content
from apiroutes.body.urlencoded import Values, parse_urlencoded

__all__ = [
    "Body",
    "Limits",
    "Values",
    "bounded_stream",
    "decode_json",
    "end_reading",
    "parse_urlencoded",
    "read_body",
    "read_content",
    "shut",
    "unwatch",
    "watch",
]
