"""Header fields: their names, values and lines, Vary and Location (RFC 9110 section 5).

In: the names and values that a handler sets. Out: lines as they are sent, str of bytes (PEP 3333). Raises
ValueError or TypeError for a name or value that a header cannot have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Union
from urllib.parse import quote

from apiroutes.errors import shown
from apiroutes.http.grammar import is_token

__all__ = [
    "BINARY",
    "CONTENT_FIELDS",
    "FIELD_KEYS",
    "JSON",
    "JSON_VALUE",
    "TEXT",
    "HeaderLines",
    "HeaderValue",
    "check_field_name",
    "decode_field_value",
    "encode_field_value",
    "encode_location",
    "field_lines",
    "is_local",
    "merge_vary",
]

HeaderValue = Union[str, int, float, Iterable[str]]
HeaderLines = tuple[tuple[str, str], ...]
_JSON = ("Content-Type", "application/json; charset=utf-8")
# Two equal values, distinguished by identity: a 304 keeps the type of `json` but not of `send`, as in Next.js
# (recorded).
JSON: HeaderLines = (_JSON,)
JSON_VALUE: HeaderLines = (_JSON,)
# A str without a type is text, and no browser may guess another type.
TEXT: HeaderLines = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
BINARY: HeaderLines = (("Content-Type", "application/octet-stream"),)
# These describe the content, and are dropped together with it.
CONTENT_FIELDS = frozenset(
    ("content-encoding", "content-length", "content-range", "content-type", "etag", "last-modified")
)
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# PEP 3333: these describe the connection, which belongs to the server.
_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
FIELD_KEYS: dict[str, str] = {}  # header names that were checked, with their lower case
_FIELD_KEYS_MAX = 512
# Characters that a Location may contain; "%" too, so that an escape stays as it is.
_LOCATION = "!#$%&'()*+,-./:;=?@[]_~"


def check_field_name(name: str) -> str:
    """Return the name's lower case. Raises ValueError unless it is a token (RFC 9110 section 5.1)."""
    if not isinstance(name, str) or not is_token(name):
        raise ValueError(f"{shown(name)} is not a valid header name")
    key = name.lower()
    if key in _HOP_BY_HOP:
        raise ValueError(f"the header {name!r} is the server's to set (PEP 3333): leave it out")
    # Vary is left out, because it is set in its own way.
    if key != "vary" and len(FIELD_KEYS) < _FIELD_KEYS_MAX:
        FIELD_KEYS[name] = key
    return key


def merge_vary(values: Iterable[str]) -> str:
    """Return one value of Vary with the members of all values, each once, regardless of case."""
    members: dict[str, str] = {}
    for value in values:
        for member in value.split(","):
            if member.strip():
                members.setdefault(member.strip().lower(), member.strip())
    return "*" if "*" in members else ", ".join(members.values())


def field_lines(key: str, name: str, value: HeaderValue) -> list[tuple[str, str]]:
    """Return a header's lines as they are sent."""
    values = _values_of(name, value)
    if key == "set-cookie":  # Next.js sends the same cookie line once (recorded)
        values = list(dict.fromkeys(values))
    return [(name, line) for line in values]


def _values_of(name: str, value: HeaderValue) -> list[str]:
    if isinstance(value, str):
        return [encode_field_value(name, value)]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return [str(value)]
    if isinstance(value, (list, tuple)):
        return [encode_field_value(name, line) for line in value]
    raise TypeError(f"the header {name!r} must be a str, a number or a list of str, not {shown(value)}")


def encode_field_value(name: str, value: str) -> str:
    """Return the value as it is sent (RFC 9110 section 5.5): a str of bytes, PEP 3333."""
    if not isinstance(value, str):
        raise TypeError(f"the header {name!r} must be a str, not {shown(value)}")
    if not _FIELD_VALUE.fullmatch(value):
        wrong = next(character for character in value if not _FIELD_VALUE.fullmatch(character))
        # Without the value, which may be a token.
        raise ValueError(f"the header {name!r} cannot have the value that it is given, with {wrong!r} in it")
    # Text beyond ASCII is sent as UTF-8, as in Next.js (recorded). PEP 3333 requires a plain str, so a
    # subclass, such as an Enum member, is sent as its text.
    return str.__str__(value) if value.isascii() else value.encode().decode("latin-1")


def decode_field_value(value: str) -> str:
    """Return the text that `encode_field_value` encoded as this value."""
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "replace")


def encode_location(url: str) -> str:
    """Return the URL encoded for a Location (RFC 3986 section 2.1)."""
    if any(character in url for character in "\r\n\0"):
        raise ValueError(f"{url!r} cannot be a Location")
    return quote(url, safe=_LOCATION)


def is_local(url: str) -> bool:
    """Return whether a redirect to `url` stays on this host, because every browser reads it as a path.

    Browsers treat a backslash as a slash, and first drop control characters and blanks, so `//host`,
    `/\\\\host` and `/<TAB>/host` all lead away.
    """
    return url.startswith("/") and url[1:2] not in ("/", "\\") and url.isprintable() and "\\" not in url
