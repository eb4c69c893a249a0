"""The environ of a recorded request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.support import environ

__all__ = ["build_environ"]

Headers = Sequence[Sequence[str]]


def build_environ(
    method: str, target: str, headers: Headers = (), body: bytes = b"", *, chunked: bool = False
) -> dict[str, Any]:
    """Return gunicorn's environ of a request that has these header fields and no other.

    The target is latin-1, as received: its path loses the fragment, RAW_URI keeps it. Header values lose
    the whitespace around them (OWS, RFC 9110 section 5.5).
    """
    resource = target.partition("#")[0]
    received: dict[str, str | None] = {"RAW_URI": target, "QUERY_STRING": resource.partition("?")[2]}
    fields = [(name, value.strip(" \t")) for name, value in headers]
    names = {name.lower() for name, _ in fields}
    if "host" not in names:
        received["HTTP_HOST"] = None
    if chunked or "content-length" not in names:
        received["CONTENT_LENGTH"] = None
    if chunked:
        received["HTTP_TRANSFER_ENCODING"] = "chunked"
    return environ(method, resource, fields, body, **received)
