"""Bytes to values: the content of a request; knows no Request, no Response and no route.

In: an environ and limits. Out: the parsed body, its content, or a stream of it. Raises ApiError.
"""

from __future__ import annotations

from apiroutes.body.decoders import Body, read_body
from apiroutes.body.limits import Limits, limits_of
from apiroutes.body.reading import KeptContent, bounded_stream, drain, has_unread, keep, read_content
from apiroutes.body.timed_input import BodyInput
from apiroutes.body.urlencoded import Values, parse_urlencoded

__all__ = [
    "Body",
    "BodyInput",
    "KeptContent",
    "Limits",
    "Values",
    "bounded_stream",
    "drain",
    "has_unread",
    "keep",
    "limits_of",
    "parse_urlencoded",
    "read_body",
    "read_content",
]
