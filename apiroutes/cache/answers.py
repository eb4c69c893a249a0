"""Answers of handlers as a store keeps them, and the directory of a URL's variants (RFC 9111 section 4.1).

In: a response that is complete in memory. Out: bytes, MessagePack after a letter for the kind, and back.
Bytes of another kind or key, or damaged ones, are None.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec

from apiroutes.http import BINARY, JSON, JSON_VALUE, TEXT, HeaderLines
from apiroutes.response import Response
from apiroutes.structs import Struct

__all__ = ["Answer", "Directory", "answer_of", "decode", "encode"]

_Record = TypeVar("_Record")

# Header lines that come with content. They are compared by identity, so each has a number.
_CONTENT_HEADERS: tuple[HeaderLines, ...] = ((), JSON, JSON_VALUE, TEXT, BINARY)


class Answer(Struct, frozen=True, array_like=True):
    """What a handler has answered: a status, header lines by key in lower case, and content.

    `sets_status`: whether the handler has set it, rather than it being the default; `appended` are the keys
    of headers whose lines come after middleware's. `kind` stands for the header lines that come with the
    content. `has_etag`: whether the ETag is made from the content; `is_conditional`: whether conditional
    requests apply. `fresh` and `stale` are in seconds.
    """

    key: bytes
    status: int
    headers: dict[str, list[tuple[str, str]]]
    kind: int
    content: bytes
    is_conditional: bool
    has_etag: bool
    fresh: float
    stale: float
    sets_status: bool
    appended: list[str]

    @property
    def content_headers(self) -> HeaderLines:
        """The header lines that come with the content."""
        return _CONTENT_HEADERS[self.kind] if self.kind < len(_CONTENT_HEADERS) else ()


class Directory(Struct, frozen=True, array_like=True):
    """The headers that the answers of a URL depend on, and the digests of the variants that are kept."""

    key: bytes
    names: tuple[str, ...]
    variants: tuple[bytes, ...] = ()


_LETTERS: dict[type, bytes] = {Answer: b"A", Directory: b"D"}
_encode = msgspec.msgpack.Encoder().encode
_DECODERS: dict[type, Any] = {kind: msgspec.msgpack.Decoder(kind) for kind in _LETTERS}


def encode(record: Answer | Directory) -> bytes:
    """Return a record as bytes."""
    return _LETTERS[type(record)] + _encode(record)


def decode(content: bytes, kind: type[_Record], key: bytes) -> _Record | None:
    """Return the record of a kind that has this whole key."""
    if content[:1] != _LETTERS[kind]:
        return None
    try:
        record = _DECODERS[kind].decode(memoryview(content)[1:])
    except msgspec.DecodeError:
        return None
    return record if record.key == key else None


def answer_of(
    response: Response, key: bytes, fresh: float, stale: float, appended: Collection[str] = ()
) -> Answer:
    """Return the answer that a response holds, which is complete in memory."""
    lines = response._content_headers
    kind = next((number for number, known in enumerate(_CONTENT_HEADERS) if known is lines), None)
    headers = {name: response._lines_of(name) for name in response._headers}
    if kind is None:  # headers of another kind of content
        kind = 0
        if "content-type" not in headers:
            headers |= {name.lower(): [(name, value)] for name, value in lines}
    headers.pop("age", None)  # an origin's; ours takes its place
    headers.pop("content-length", None)  # the content decides it
    etag = response._etag_start
    return Answer(
        key,
        response._status,
        headers,
        kind,
        response._content,
        etag is not None,
        bool(etag),
        fresh,
        stale,
        response._status_was_set or response._status != 200,
        [name for name in headers if name in appended],
    )
