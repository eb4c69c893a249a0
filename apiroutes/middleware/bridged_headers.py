"""Compares and merges the header lists on both sides of WSGI middleware, without Request and Response.

In: the lines set outside the middleware, the lines that it was given, and the lines that it sends. Out: the
lines to send, and the changes among them. Raises BridgeError for a status line without a valid status.
"""

from __future__ import annotations

from collections.abc import Iterator

from apiroutes.errors import shown
from apiroutes.http import CONTENT_FIELDS, merge_vary
from apiroutes.middleware.bridge_errors import BridgeError
from apiroutes.types import HeaderList
from apiroutes.wsgi import without

__all__ = [
    "changed_lines",
    "length_of",
    "merge",
    "same_encoding",
    "status_of",
    "with_stable_gzip",
]

# Fields whose value is a digest of the bytes (RFC 9530, and RFC 2616's Content-MD5).
_DIGESTS = frozenset(("content-digest", "repr-digest", "digest", "content-md5"))


def status_of(status_line: str) -> int:
    """Return the status of a status line."""
    digits = status_line[:3]
    status = int(digits) if digits.isascii() and digits.isdigit() else 0
    if not 200 <= status <= 599:
        raise BridgeError(f"sent the status {shown(status_line)}: send a status such as '200 OK'")
    return status


def length_of(headers: HeaderList) -> str | None:
    """Return the Content-Length as it is written, None if it is missing."""
    return next(iter(_values(headers, "content-length")), None)


def same_encoding(headers: HeaderList, other: HeaderList) -> bool:
    """Return whether two lists have the same Content-Encoding."""
    return _values(headers, "content-encoding") == _values(other, "content-encoding")


def merge(headers: HeaderList, given: HeaderList, outer: HeaderList) -> HeaderList:
    """Return `headers` with the lines of `outer` that the WSGI middleware cannot drop.

    The middleware wraps only the inside, so it may change the lines that it was given. Vary only gains
    members.
    """
    merged = [*headers]
    given_vary = [line for line in given if line[0].lower() == "vary"]
    vary = [line for line in headers if line[0].lower() == "vary"]
    if given_vary and vary != given_vary:
        merged = without(headers, "vary")
        merged.append(("Vary", merge_vary(value for _, value in (*given_vary, *vary))))
    still_given, present = set(map(_identity, given)), set(map(_identity, merged))
    for line in outer:
        identity = _identity(line)
        if line[0].lower() not in CONTENT_FIELDS and identity in still_given and identity not in present:
            merged.append(line)
    return merged


def changed_lines(given: HeaderList, headers: HeaderList) -> Iterator[tuple[str, str, HeaderList]]:
    """Return the changes from `given` to `headers`: "append" or "set", a key, and its lines.

    Only headers that gained lines are included, and no headers that describe the content.
    """
    before = _by_key(given)
    for key, lines in _by_key(headers).items():
        old = before.get(key, [])
        new = [line for line in lines if line not in old]
        if key not in CONTENT_FIELDS and new:
            is_added = key in ("set-cookie", "vary") or all(line in lines for line in old)
            yield ("append", key, new) if is_added else ("set", key, lines)


def with_stable_gzip(content: bytes, headers: HeaderList) -> bytes:
    """Return gzip content without its modification time; other content as it is.

    Equal content must get equal ETags, and the time is optional (RFC 1952 section 2.3).
    """
    is_gzip = (
        _values(headers, "content-encoding") == ["gzip"]
        and content[:3] == b"\x1f\x8b\x08"
        and len(content) > 17
    )
    if is_gzip and not content[3] & 2 and not any(name.lower() in _DIGESTS for name, _ in headers):
        return content[:4] + b"\0\0\0\0" + content[8:]
    return content


def _values(headers: HeaderList, key: str) -> list[str]:
    return [value for name, value in headers if name.lower() == key]


def _by_key(headers: HeaderList) -> dict[str, HeaderList]:
    lines: dict[str, HeaderList] = {}
    for line in headers:
        lines.setdefault(line[0].lower(), []).append(line)
    return lines


def _identity(line: tuple[str, str]) -> str:
    """Return what a line identifies: a header, or a cookie."""
    key = line[0].lower()
    return f"{key} {line[1].partition('=')[0].strip()}" if key == "set-cookie" else key
