"""The content of a request, from bytes to values; this room never knows a Request, a Response or a route.

In: an environ and limits. Out: the parsed body, its content, or a stream of it. Raises ApiError.
"""

from __future__ import annotations

from apiroutes.body.bounded_stream import BodyStream, bounded_stream, empty_stream
from apiroutes.body.content_length import expects_continue, has_content
from apiroutes.body.decoders import Body, read_body
from apiroutes.body.draining import DRAIN_BYTES, DRAIN_SECONDS, drain, has_unread
from apiroutes.body.errors import ReadOnLoopError, as_werkzeug_error, too_slow
from apiroutes.body.inputs import ArrivingInput, BodyInput, KeptContent, arriving_input, end_input, keep
from apiroutes.body.limits import Limits, limits_of
from apiroutes.body.reading import read_content
from apiroutes.body.urlencoded import parse_pairs, parse_urlencoded

__all__ = [
    "DRAIN_BYTES",
    "DRAIN_SECONDS",
    "ArrivingInput",
    "Body",
    "BodyInput",
    "BodyStream",
    "KeptContent",
    "Limits",
    "ReadOnLoopError",
    "arriving_input",
    "as_werkzeug_error",
    "bounded_stream",
    "drain",
    "empty_stream",
    "end_input",
    "expects_continue",
    "has_content",
    "has_unread",
    "keep",
    "limits_of",
    "parse_pairs",
    "parse_urlencoded",
    "read_body",
    "read_content",
    "too_slow",
]
