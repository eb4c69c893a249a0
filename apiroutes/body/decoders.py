"""Which media type is decoded how: the table of CONTENT-TYPE to body.

In: content and its Content-Type. Out: a `Body`. Raises ApiError: 400, 413 and 415. The
decoder of a Content-Type is found once and remembered.
"""

from __future__ import annotations

import functools
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import FileStorage

from apiroutes.body.charsets import decode_text, find_charset
from apiroutes.body.formdata import parse_form
from apiroutes.body.jsontext import decode_json
from apiroutes.body.limits import Limits
from apiroutes.body.media_types import parse_media_type
from apiroutes.body.reading import invalid_body, read_chunks, read_content
from apiroutes.body.urlencoded import collect, parse_pairs, parse_urlencoded
from apiroutes.errors import ApiError

__all__ = ["Body", "read_body"]


class Body:
    """A parsed body.

    `value` is what the handler sees; `content` the bytes as received, None for a multipart
    form, which is not kept; `files` are the uploads of one.
    """

    files: list[tuple[str, FileStorage]] | None = None
    _fields: list[tuple[str, str]] | None = None

    def __init__(self, value: Any, content: bytes | None, decoder: _Decoder) -> None:
        self.value = value
        self.content = content
        self._decoder = decoder

    @property
    def is_json(self) -> bool:
        """Whether `value` was JSON."""
        return self._decoder.decode is _json

    def fields(self) -> list[tuple[str, str]]:
        """The fields of a form of either kind, in their order; none of anything else."""
        if self._decoder.decode is _form and self.content:
            return parse_pairs(_text_in(self.content, self._decoder.charset))
        return self._fields or []


def read_body(environ: dict[str, Any], limits: Limits, into: Any = None) -> Body:
    """Read and decode the request's content.

    `into` makes a type of it, JSON straight (`decode`) and everything else from its value
    (`convert`); it raises what it likes for what does not fit.
    """
    if "HTTP_CONTENT_ENCODING" in environ:
        _check_encoding(environ["HTTP_CONTENT_ENCODING"])
    content_type = environ.get("CONTENT_TYPE") or ""
    decoder = _find(content_type) if len(content_type) <= _REMEMBERED else _find.__wrapped__(content_type)
    if decoder.boundary is not None:
        body = _read_form(environ, decoder, limits)
        if into is not None:
            body.value = into.convert(body.value, "body")
        return body
    content = read_content(environ, limits)
    if into is None:
        return Body(decoder.decode(content, decoder.charset, limits), content, decoder)
    if decoder.decode is _json and (text := _as_utf8(content, decoder.charset)):
        value = decode_json(text, limits.json_depth, into.decode)
    else:
        value = into.convert(decoder.decode(content, decoder.charset, limits), "body")
    return Body(value, content, decoder)


def _check_encoding(encoding: str) -> None:
    # The client never picks a compression: what it unpacks to has no limit.
    if encoding.strip().lower() not in ("", "identity"):
        raise ApiError(415, "Content encoding is not supported")


def _read_form(environ: dict[str, Any], decoder: _Decoder, limits: Limits) -> Body:
    assert decoder.boundary is not None
    form = parse_form(read_chunks(environ, limits), decoder.boundary, limits)
    if form is None:
        return Body({}, b"", decoder)
    body = Body(collect(form.fields), None, decoder)
    body._fields, body.files = form.fields, form.files
    return body


def _json(content: bytes, charset: str, limits: Limits) -> object:
    content = _as_utf8(content, charset)
    return decode_json(content, limits.json_depth) if content else {}


def _as_utf8(content: bytes, charset: str) -> bytes:
    """A document as JSON text is sent (RFC 8259 section 8.1), without its mark."""
    if charset != "utf-8":
        return _text_in(content, charset).encode()
    return content.removeprefix(BOM_UTF8)


def _form(content: bytes, charset: str, limits: Limits) -> object:
    text = _text_in(content, charset)
    if text.count("&") >= limits.form_pairs:
        raise ApiError(413, f"Form has more than {limits.form_pairs} fields")
    return parse_urlencoded(text)


def _text(content: bytes, charset: str, limits: Limits) -> object:
    return _text_in(content, charset) if content else None


def _bytes(content: bytes, charset: str, limits: Limits) -> object:
    return content or None


def _text_in(content: bytes, charset: str) -> str:
    try:
        return decode_text(content, charset)
    except UnicodeDecodeError as error:
        raise invalid_body() from error


_Decode = Callable[[bytes, str, Limits], object]

_BY_TYPE: Mapping[str, _Decode] = {
    "application/json": _json,
    "application/ld+json": _json,
    "application/x-www-form-urlencoded": _form,
    "text/plain": _text,  # the most frequent of its family
}


def _of_family(media_type: str) -> _Decode:
    if media_type.endswith("+json"):
        return _json
    return _text if media_type.startswith("text/") else _bytes


@dataclass(frozen=True)
class _Decoder:
    decode: _Decode
    charset: str = "utf-8"
    boundary: str | None = None  # of a multipart form, which is read in pieces


_REMEMBERED = 200  # characters; a longer header is nobody's and must not fill the memory


@functools.lru_cache(maxsize=256)
def _find(content_type: str) -> _Decoder:
    media_type = parse_media_type(content_type)
    if media_type is None:
        # A form without a boundary is none; as recorded, any other Content-Type that cannot be
        # read counts as none.
        is_form = content_type.strip().lower().startswith("multipart/form-data")
        return _Decoder(_bytes, boundary="") if is_form else _Decoder(_text)
    if media_type.type == "multipart/form-data":
        return _Decoder(_bytes, boundary=media_type.parameters.get("boundary", ""))
    decode = _BY_TYPE.get(media_type.type)
    if decode is None:
        decode = _of_family(media_type.type)
    if decode is _bytes:
        return _Decoder(decode)
    charset = find_charset(media_type.parameters.get("charset") or "utf-8")
    if charset is None:
        raise invalid_body()
    # The fields of a form are UTF-8, whatever it says: so are its escapes, and no browser says it.
    return _Decoder(decode, "utf-8" if decode is _form else charset)
