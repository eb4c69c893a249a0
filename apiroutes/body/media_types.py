"""The Content-Type header: a media type and its parameters (RFC 9110 section 8.3.1).

In: the header's text. Out: a `MediaType`, or None for one that the grammar does not allow. It agrees
with the `content-type` package, which Next.js uses, and takes one pass, linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from apiroutes.http import TOKEN
from apiroutes.structs import Struct

__all__ = ["parse_media_type"]

_TYPE = re.compile(rf"{TOKEN}/{TOKEN}")
_QUOTED = r'"(?:[\x0b\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\x0b\x20-\xff])*"'
_PARAMETER = re.compile(rf"; *({TOKEN}) *= *({_QUOTED}|{TOKEN}) *")
_ESCAPED = re.compile(r"\\([\x0b\x20-\xff])")


class MediaType(Struct, frozen=True):
    """A parsed Content-Type; `type` (`application/json`) and the names of `parameters` are lower case."""

    type: str
    parameters: Mapping[str, str]


def parse_media_type(header: str) -> MediaType | None:
    """media-type = type "/" subtype *( ";" name "=" ( token / quoted-string ) )"""
    end = header.find(";")
    if end < 0:
        end = len(header)
    name = header[:end].strip().lower()
    if not _TYPE.fullmatch(name):
        return None
    parameters: dict[str, str] = {}
    while end < len(header):
        parameter = _PARAMETER.match(header, end)
        if parameter is None:
            return None
        key, value = parameter.groups()
        if value.startswith('"'):
            value = _ESCAPED.sub(r"\1", value[1:-1])
        parameters[key.lower()] = value
        end = parameter.end()
    return MediaType(name, parameters)
