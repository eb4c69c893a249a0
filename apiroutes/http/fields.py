"""Header fields: their names, values and lines, Vary and Location (RFC 9110 section 5).

In: what a handler sets. Out: lines as they go over the wire, str of bytes (PEP 3333). Raises ValueError
or TypeError for what no header can have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Union
from urllib.parse import quote

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
# As recorded, a 304 keeps the type of `json` and not that of `send`.
JSON: HeaderLines = (_JSON,)
JSON_VALUE: HeaderLines = (_JSON,)
# A str that nobody gave a type is text, and no browser may think otherwise.
TEXT: HeaderLines = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
BINARY: HeaderLines = (("Content-Type", "application/octet-stream"),)
# What describes the content, and goes with it.
CONTENT_FIELDS = frozenset(
    ("content-encoding", "content-length", "content-range", "content-type", "etag", "last-modified")
)
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# PEP 3333: these describe the connection, which is the server's.
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
FIELD_KEYS: dict[str, str] = {}  # checked header names and their lower case
_FIELD_KEYS_MAX = 512
# Everything that may stand in a Location as it is; "%" too, what is encoded stays encoded.
_LOCATION = "!#$%&'()*+,-./:;=?@[]_~"


def check_field_name(name: str) -> str:
    """The name's lower case, once it was seen to be a token (RFC 9110 section 5.1)."""
    if not isinstance(name, str) or not is_token(name):
        raise ValueError(f"{name!r} is no header name")
    key = name.lower()
    if key in _HOP_BY_HOP:
        raise ValueError(f"the header {name!r} is the server's to set (PEP 3333)")
    if key != "vary" and len(FIELD_KEYS) < _FIELD_KEYS_MAX:  # which is set in a way of its own
        FIELD_KEYS[name] = key
    return key


def merge_vary(values: Iterable[str]) -> str:
    """The members of all these values of Vary, each once, whatever its case."""
    members: dict[str, str] = {}
    for value in values:
        for member in value.split(","):
            if member.strip():
                members.setdefault(member.strip().lower(), member.strip())
    return "*" if "*" in members else ", ".join(members.values())


def field_lines(key: str, name: str, value: HeaderValue) -> list[tuple[str, str]]:
    """A header's lines as they go over the wire."""
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
    raise TypeError(f"the header {name!r} is a str, a number or a list of str, not {value!r}")


def encode_field_value(name: str, value: str) -> str:
    """The value as it goes over the wire (RFC 9110 section 5.5): a str of bytes, PEP 3333."""
    if not isinstance(value, str):
        raise TypeError(f"the header {name!r} is a str, not {value!r}")
    if not _FIELD_VALUE.fullmatch(value):
        raise ValueError(f"the header {name!r} cannot have the value {value!r}")
    # As recorded: what is not ASCII is sent as UTF-8. A str of a class of its own, such as a
    # member of an Enum, is sent as its text: PEP 3333 wants a plain one.
    return str.__str__(value) if value.isascii() else value.encode().decode("latin-1")


def decode_field_value(value: str) -> str:
    return value if value.isascii() else value.encode("latin-1").decode("utf-8", "replace")


def encode_location(url: str) -> str:
    """The URL as a Location can hold it (RFC 3986 section 2.1)."""
    if any(character in url for character in "\r\n\0"):
        raise ValueError(f"{url!r} cannot be a Location")
    return quote(url, safe=_LOCATION)


def is_local(url: str) -> bool:
    """Whether a redirect to `url` stays on this host: a path that no browser reads otherwise.

    Browsers take a backslash for a slash and drop control characters and blanks before they
    look, so `//host`, `/\\\\host` and `/<TAB>/host` all lead away.
    """
    return url.startswith("/") and url[1:2] not in ("/", "\\") and url.isprintable() and "\\" not in url
