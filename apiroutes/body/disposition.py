"""File names in the extended notation (RFC 8187), which forms should not have and some clients send.

In: a Content-Disposition and its plain file name. Out: the name to use, None for a text field. Raises
nothing: whatever is wrong with an extended name, its part stays a file.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

__all__ = ["extended_file_name"]

# RFC 7578 section 4.2 forbids it in forms, and a filter in front may have looked at the plain name
# alone. So it counts where there is no plain name, or one that no client means (RFC 2047's words,
# which .NET sends).
_PARAMETER = re.compile(
    r';[ \t]*(filename\*(?:[0-9]+\*?)?)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;]*)|"(?:[^"\\]|\\.)*"', re.I
)
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[bBqQ]\?[^?]*\?=.*", re.S)
_QUOTED_PAIR = re.compile(r"\\(.)")
# RFC 8187 section 3.2.1 has both; a client picks no other.
_CHARSETS = {"utf-8": "utf-8", "iso-8859-1": "latin-1"}
_MOST_PARTS = 100  # of a name that RFC 2231 lets be in several


def extended_file_name(disposition: str, plain: str | None) -> str | None:
    """The name of a part's file, given the one that is sent plainly, if any."""
    if plain is not None and not _ENCODED_WORD.fullmatch(plain):
        return plain
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(disposition):
        if name:
            found.setdefault(name.lower(), _unquoted(value.strip()))
    if not found:
        return plain
    name = _decoded(found.get("filename*", "")) or _continued(found)
    return (plain or "") if name is None else name


def _decoded(value: str) -> str | None:
    """A value with its charset (RFC 8187 section 3.2); None for what is none."""
    charset, quote, rest = value.partition("'")
    encoding = _CHARSETS.get(charset.strip().lower())
    _, second, text = rest.partition("'")
    if encoding is None or not quote or not second or not text.isascii():
        return None
    try:
        return unquote_to_bytes(text).decode(encoding)
    except UnicodeDecodeError:
        return None


def _continued(found: dict[str, str]) -> str | None:
    """A value in several parameters, each in either notation (RFC 2231 section 3)."""
    pieces = b""
    encoding = "utf-8"
    for number in range(_MOST_PARTS):
        plain, escaped = found.get(f"filename*{number}"), found.get(f"filename*{number}*")
        if escaped is not None:
            if number == 0:
                charset, _, rest = escaped.partition("'")
                escaped = rest.partition("'")[2]
                encoding = _CHARSETS.get(charset.strip().lower(), "")
            pieces += unquote_to_bytes(escaped)
        elif plain is not None:
            pieces += plain.encode("utf-8", "replace")
        else:
            break
    try:
        return pieces.decode(encoding) if pieces and encoding else None
    except UnicodeDecodeError:
        return None


def _unquoted(value: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", value[1:-1]) if value.startswith('"') and value.endswith('"') else value
