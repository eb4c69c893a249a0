"""The decoders of bodies, in a table from media type to decoder.

In: content and its Content-Type. Out: a `Body`. Raises ApiError: 400, 413 and 415. The
decoder of a Content-Type is found once and remembered.
"""

from __future__ import annotations

import functools
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Protocol

from werkzeug.datastructures import FileStorage

from apiroutes.body.charsets import decode_text, find_charset
from apiroutes.body.errors import invalid_body
from apiroutes.body.formdata import parse_form
from apiroutes.body.inputs import KeptContent, keep
from apiroutes.body.limits import Limits
from apiroutes.body.media_types import parse_media_type
from apiroutes.body.reading import read_chunks, read_content, refuse
from apiroutes.body.urlencoded import collect, parse_pairs, parse_urlencoded
from apiroutes.errors import ApiError
from apiroutes.http import decode_json, shallow_decoder
from apiroutes.structs import Struct
from apiroutes.types import Environ

__all__ = ["Body", "read_body"]


class Body(KeptContent):
    """A parsed body; reading from it gives the content.

    `value` is what the handler sees; `content` is the bytes as received, None for a multipart
    form, which is not kept; `files` are the uploads of such a form.
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
        return self._decoder.decode in (_json, _utf8_json)

    def fields(self) -> list[tuple[str, str]]:
        """Return the fields of a form of either kind, in order; an empty list for any other body."""
        if self._decoder.decode is _form and self.content:
            return parse_pairs(_text_in(self.content, self._decoder.charset))
        return self._fields or []

    def as_type(self, schema: Any, limits: Limits) -> Any:
        """Return the body as a type: JSON with `schema.decode`, any other with `schema.convert` from `value`.

        Raises their exceptions for a body of another type, and ApiError for a body that cannot be read.
        """
        if self.is_json and self.content and self._is_as_received(limits):
            text = _as_utf8(self.content, self._decoder.charset)
            if text:
                return decode_json(text, limits.json_depth, schema.decode)
        return schema.convert(self.value, "body")

    def _is_as_received(self, limits: Limits) -> bool:
        """Return whether `value` is unchanged: code that got it may have changed it."""
        return bool(self.value == self._decoder.decode(self.content or b"", self._decoder.charset, limits))


class _Undecoded(Body):
    """A body to be read as a type; `value` is decoded only when it is first used."""

    def __init__(self, content: bytes, decoder: _Decoder, limits: Limits) -> None:
        self.content = content
        self._decoder = decoder
        self._limits = limits

    @cached_property
    def value(self) -> Any:
        return self._decoder.decode(self.content or b"", self._decoder.charset, self._limits)

    def _is_as_received(self, limits: Limits) -> bool:
        return "value" not in self.__dict__ or super()._is_as_received(limits)


class _HasFormLimits(Protocol):
    def _form_limits(self, limits: Limits) -> Limits: ...


def read_body(
    environ: Environ,
    limits: Limits,
    owner: _HasFormLimits | None = None,
    decoded: bool = True,
) -> Body:
    """Read the request's content and decode it; with `decoded` off, only when its value is used.

    The content is kept in the environ, even if it cannot be decoded, except for a multipart form. `owner` may
    have its own limits for such a form.
    """
    if "HTTP_CONTENT_ENCODING" in environ:
        _check_encoding(environ["HTTP_CONTENT_ENCODING"])
    content_type = environ.get("CONTENT_TYPE") or ""
    decoder = _find(content_type) if len(content_type) <= _MAX_REMEMBERED else _find.__wrapped__(content_type)
    if decoder.boundary is not None:
        return _read_form(environ, decoder, limits if owner is None else owner._form_limits(limits))
    content = read_content(environ, limits)
    if not decoded:
        body: Body = _Undecoded(content, decoder, limits)
    else:
        try:
            body = Body(decoder.decode(content, decoder.charset, limits), content, decoder)
        except BaseException:
            keep(environ, content)
            raise
    environ["wsgi.input"] = body
    return body


def _check_encoding(encoding: str) -> None:
    # The client may not choose a compression: the size of the unpacked content would have no limit.
    if encoding.strip().lower() not in ("", "identity"):
        raise ApiError(415, "Content encoding is not supported")


def _read_form(environ: Environ, decoder: _Decoder, limits: Limits) -> Body:
    assert decoder.boundary is not None
    chunks = read_chunks(environ, limits)
    try:
        form = parse_form(chunks, decoder.boundary, limits)
    except ApiError as error:
        refuse(environ, limits, error)
        raise
    if form is None:
        return Body({}, b"", decoder)
    body = Body(collect(form.fields), None, decoder)
    body._fields, body.files = form.fields, form.files
    return body


def _json(content: bytes, charset: str, limits: Limits) -> object:
    content = _as_utf8(content, charset)
    return decode_json(content, limits.json_depth) if content else {}


def _utf8_json(content: bytes, charset: str, limits: Limits) -> object:
    """Return the result of `_json`, faster for most documents."""
    try:
        return shallow_decoder(limits.json_depth)(content)
    except Exception:
        pass  # it is empty, begins with a byte order mark, nests deeper, or is malformed
    return _json(content, charset, limits)


def _as_utf8(content: bytes, charset: str) -> bytes:
    """Return a document in the encoding of JSON (RFC 8259 section 8.1), without a byte order mark."""
    if charset != "utf-8":
        return _text_in(content, charset).encode()
    return content.removeprefix(BOM_UTF8)


def _form(content: bytes, charset: str, limits: Limits) -> object:
    try:  # as in _text_in, without the cost of its frame
        text = decode_text(content, charset)
    except UnicodeDecodeError as error:
        raise invalid_body() from error
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
    "text/plain": _text,  # the most common of the `text/` types
}


def _of_family(media_type: str) -> _Decode:
    if media_type.endswith("+json"):
        return _json
    return _text if media_type.startswith("text/") else _bytes


class _Decoder(Struct, frozen=True):
    decode: _Decode
    charset: str = "utf-8"
    boundary: str | None = None  # of a multipart form, which is read in pieces


_MAX_REMEMBERED = 200  # characters; no client needs a longer header, which must not fill the memory


@functools.lru_cache(maxsize=256)
def _find(content_type: str) -> _Decoder:
    media_type = parse_media_type(content_type)
    if media_type is None:
        # A multipart form needs a boundary. Any other Content-Type that cannot be read counts as missing, as
        # in Next.js (recorded).
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
    if decode is _json and charset == "utf-8":
        decode = _utf8_json
    # The fields of a form are UTF-8, whatever charset it declares: its escapes are, and browsers declare
    # none.
    return _Decoder(decode, "utf-8" if decode is _form else charset)
