"""JSON text to values (RFC 8259), strictly.

In: UTF-8 bytes. Out: dict, list, str, int, float, bool or None. Raises ApiError 400: not
JSON, not UTF-8, nested too deeply, a number that is not finite. Half a surrogate pair, which
RFC 8259 section 8.2 leaves open, is U+FFFD in the value, as no text has one.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable
from functools import cache
from itertools import accumulate
from typing import Any

import msgspec

from apiroutes.body.reading import invalid_body
from apiroutes.errors import ApiError

__all__ = ["decode_json"]

_decode = msgspec.json.Decoder().decode
# How deep most documents nest at most. The decoder for one level more takes twice the time to make.
_SHALLOW = 7
# What a bracket adds to the depth, as a signed byte: 1 or -1.
_STEPS = bytes.maketrans(b"[]", b"\x01\xff")
_LEVELS = 8  # that are taken off one by one, as most documents have no more
_ARRAYS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NOT_MARKS = bytes(set(range(256)) - set(b'[]{}"'))

_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_LONE_SURROGATE = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_HIGH, _LOW, _HIGH, _LOW))


def decode_json(content: bytes, max_depth: int, decode: Callable[[bytes], object] = _decode) -> object:
    """The value that `content` stands for; arrays and objects nest `max_depth` deep at most.

    `decode` may be another decoder of msgspec's, which makes a type of it.
    """
    # The decoder recurses, and what stops it differs: on Python 3.12 and later it goes on past the
    # end of a small thread's stack, which ends the process. So the depth is known before. Each
    # level of a whole document takes two brackets, so the length decides for small ones.
    if len(content) > 2 * max_depth:
        if decode is _decode and max_depth >= _SHALLOW:
            try:
                return _shallow_decoder()(content)
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass  # it nests deeper, or is wrong, which is found out below
        if _may_be_deeper(content, max_depth):
            raise ApiError(400, "Invalid JSON")
    try:
        try:
            return decode(content)
        except msgspec.DecodeError:
            mended = _replace_lone_surrogates(content)
            if mended == content:
                raise
            return decode(mended)
    except UnicodeDecodeError as error:
        raise invalid_body() from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ApiError(400, "Invalid JSON") from error


@cache  # made at the first document that is long: it takes 2 ms
def _shallow_decoder() -> Callable[[bytes], object]:
    """Decodes what nests `_SHALLOW` deep; as no type goes further, neither does it."""
    scalar = int | float | str | bool | None
    nested: Any = scalar
    for _ in range(_SHALLOW):
        nested = scalar | list[nested] | dict[str, nested]
    return msgspec.json.Decoder(nested).decode


def _replace_lone_surrogates(content: bytes) -> bytes:
    """Escapes of half a surrogate pair as escapes of U+FFFD; the same content if there are none."""
    if b"\0" in content:  # which no JSON has, so that it can stand for an escaped backslash
        return content
    escaped = content.replace(b"\\\\", b"\0\0")
    return _LONE_SURROGATE.sub(rb"\\ufffd", escaped).replace(b"\0\0", b"\\\\")


def _may_be_deeper(content: bytes, depth: int) -> bool:
    """Whether a decoder would nest deeper, with no step in Python for each bracket.

    True for JSON that does, and maybe for what is no JSON: up to where it stops being JSON its
    strings are told from its brackets, and no decoder goes on from there.
    """
    brackets = _brackets(content)
    for level in range(_LEVELS):
        if level + len(brackets) <= depth:
            return False
        brackets = brackets.replace(b"[]", b"")  # takes off the innermost level
    # What is still nested is summed up, which takes the same time however deep it is.
    steps = array("b", brackets.translate(_STEPS))
    return _LEVELS + max(accumulate(steps), default=0) > depth


def _brackets(content: bytes) -> bytes:
    """The brackets of JSON that stand outside its strings, all of them square."""
    # One byte is found at once, two are not.
    if b"\\" not in content or b'\\"' not in content:
        # A string without a bracket leaves nothing between its quotes; if all do, there is no
        # bracket in any.
        marks = content.translate(_ARRAYS, _NOT_MARKS)
        if 2 * marks.count(b'""') == marks.count(b'"'):
            return marks.translate(None, b'"')
    # Backslashes stand only in strings; without escaped quotes every second piece is outside.
    pieces = content.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    return b"".join(pieces[::2]).translate(_ARRAYS, _NOT_BRACKETS)
