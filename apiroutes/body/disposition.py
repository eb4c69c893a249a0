"""File names in the extended notation (RFC 8187), which forms should not use but some clients send.

In: a Content-Disposition and its plain file name. Out: the name to use, None for a text field. A part
with a malformed extended name is still a file.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

__all__ = ["extended_file_name"]

# RFC 7578 section 4.2 forbids it in forms, and a filter in front may have checked only the plain name. So it
# counts only if the plain name is missing or consists of RFC 2047's encoded words, which .NET sends and no
# client means as a name.
_PARAMETER = r';[ \t]*(filename\*(?:[0-9]+\*?)?)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;]*)|"(?:[^"\\]|\\.)*"'
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[bBqQ]\?[^?]*\?=.*", re.S)
_QUOTED_PAIR = re.compile(r"\\(.)")
# RFC 8187 section 3.2.1 allows both; a client cannot choose another.
_CHARSETS = {"utf-8": "utf-8", "iso-8859-1": "latin-1"}
_MAX_CONTINUATIONS = 100  # parameters that make up one name (RFC 2231)


def extended_file_name(disposition: str, plain: str | None) -> str | None:
    """Return the name of a part's file; `plain` is the name in the plain notation, if any."""
    if plain is not None and not _ENCODED_WORD.fullmatch(plain):
        return plain
    parameters: dict[str, str] = {}
    for name, value in re.findall(_PARAMETER, disposition, re.IGNORECASE):
        if name:
            parameters.setdefault(name.lower(), _unquoted(value.strip()))
    if not parameters:
        return plain
    filename = _decoded(parameters.get("filename*", "")) or _continued(parameters)
    return (plain or "") if filename is None else filename


def _decoded(value: str) -> str | None:
    """Decode a value that names its charset (RFC 8187 section 3.2); return None if it is malformed."""
    charset, first_quote, rest = value.partition("'")
    encoding = _CHARSETS.get(charset.strip().lower())
    _, second_quote, text = rest.partition("'")
    if encoding is None or not first_quote or not second_quote or not text.isascii():
        return None
    try:
        return unquote_to_bytes(text).decode(encoding)
    except UnicodeDecodeError:
        return None


def _continued(parameters: dict[str, str]) -> str | None:
    """Join a value that is split over several parameters, each in either notation (RFC 2231 section 3)."""
    pieces = b""
    encoding = "utf-8"
    for number in range(_MAX_CONTINUATIONS):
        plain, escaped = parameters.get(f"filename*{number}"), parameters.get(f"filename*{number}*")
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
