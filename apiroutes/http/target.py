"""The request target: its path as decoded segments, and its defects (RFC 9112 section 3.2).

In: a WSGI environ, or a path as a text. Out: a `_Path`: decoded segments and their defect. Percent-encoding
is decoded exactly once; if the server passes on the raw target, `%2F` stays inside its segment.
"""

from __future__ import annotations

import re
from enum import Enum
from urllib.parse import quote, unquote_to_bytes

from apiroutes.http.grammar import BAD_ESCAPE
from apiroutes.types import Environ

__all__ = [
    "TargetDefect",
    "is_sent_unescaped",
    "mount_of",
    "parse_path",
    "path_of",
    "read_path",
    "target_size",
]


class TargetDefect(Enum):
    """A reason not to match a path."""

    ENCODING = "malformed percent-encoding or UTF-8"
    CHARACTER = "a control character or a blank"
    DOTS = "a dot segment"


# Decoded segments and their defect; None for a path that may be matched.
_Path = tuple[list[str], "TargetDefect | None"]


_PARTS = re.compile(r"[/\\]")
_NOT_IN_TARGET = re.compile(r"[\x00-\x20\x7f]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Characters that a path cannot contain unless they are escaped.
_AFTER_PATHS = {
    "?": "where a query begins: all queries of a path belong to it; write '%3F' for the character itself",
    "#": "where a fragment begins: write '%23' for the character itself",
    "\\": "which some clients treat as '/': write '%5C' for the character itself",
}
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


def is_sent_unescaped(path: str, environ: Environ) -> bool:
    """Return whether the PATH_INFO `path` was sent without escapes."""
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not target:
        return "%" not in path
    if not target.startswith(path) or environ.get("SCRIPT_NAME"):
        return False
    return target[len(path) : len(path) + 1] in ("", "?")


def target_size(path: str, environ: Environ) -> int:
    """Return the size in bytes of the raw target, or of path and query if the server does not pass it on."""
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    return max(len(target), len(path) + len(environ.get("QUERY_STRING") or ""))


def read_path(path: str, environ: Environ) -> _Path:
    """Return the path below SCRIPT_NAME, which is PATH_INFO, as segments."""
    raw = _raw_path(environ, path)
    if raw is None:
        # Without the raw target, every slash is a separator, and every percent sign is literal.
        return _checked(path.encode("latin-1", "replace").split(b"/"), None)
    defect = TargetDefect.ENCODING if BAD_ESCAPE.search(raw) else None
    if _NOT_IN_TARGET.search(raw):
        defect = TargetDefect.CHARACTER  # RFC 9112 section 3.2: a target holds neither
    return _checked([unquote_to_bytes(part.encode("latin-1", "replace")) for part in raw.split("/")], defect)


def parse_path(path: str) -> list[str]:
    """Return the decoded segments, none of them empty, of a path that code passes, encoded or not.

    Raises ValueError for a text that is not a path, or not a path that a route can answer.
    """
    defect = _defect_of_text(path)
    if defect is None:
        parts = path.encode().split(b"/")[1:]
        segments, found = _checked([b"", *map(unquote_to_bytes, parts)], None)
        if found is None:
            return [segment for segment in segments if segment]
        defect = f"has {found.value}"
    raise ValueError(f"{path!r} is not a path such as '/api/posts/1': it {defect}")


def _defect_of_text(path: str) -> str | None:
    """Return what is wrong with a text as a path; escapes are not decoded."""
    if not path.startswith("/"):
        return "does not begin with '/'"
    if path.startswith("//"):
        return "begins with two slashes, which a host would follow"
    for character, meaning in _AFTER_PATHS.items():
        if character in path:
            return f"has {character!r}, {meaning}"
    if BAD_ESCAPE.search(path):
        return "has '%' without two hexadecimal digits: write '%25' for the character itself"
    if _SURROGATE.search(path):
        return "has a lone surrogate"
    return None


def _raw_path(environ: Environ, path: str) -> str | None:
    """Return the raw path below SCRIPT_NAME; None if the server does not pass it on, or it disagrees."""
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    if not target:
        return None
    raw = _AUTHORITY.sub("", target, count=1) if not target.startswith("/") else target
    raw = raw.partition("?")[0]
    whole = (environ.get("SCRIPT_NAME") or "") + path
    # RFC 9110 section 4.2.5: a request has no fragment; some servers keep one, others remove it.
    bare = raw.partition("#")[0]
    if not (_agrees(raw, whole) or _agrees(bare, whole)):
        # A proxy or its middleware may have set a SCRIPT_NAME that the target does not begin with.
        return bare if _agrees(raw, path) or _agrees(bare, path) else None
    return _below(bare, environ.get("SCRIPT_NAME") or "")


def _agrees(raw: str, path: str) -> bool:
    """Return whether a server decodes `raw` to `path`; some, such as Werkzeug, replace malformed UTF-8."""
    decoded = _decoded(raw)
    if path == decoded:
        return True
    replaced = decoded.encode("latin-1").decode("utf-8", "replace")
    return path == replaced.encode().decode("latin-1")


def _decoded(raw: str) -> str:
    return unquote_to_bytes(raw.encode("latin-1", "replace")).decode("latin-1")


def _below(raw: str, script_name: str) -> str | None:
    """Return `raw` without the segments of SCRIPT_NAME, however they were encoded."""
    if not script_name:
        return raw
    position = 0
    for _ in range(script_name.count("/")):
        position = raw.find("/", position + 1)
        if position < 0:
            return ""
    rest = raw[position:]
    return rest if _decoded(raw[:position]) == script_name else None


def _checked(parts: list[bytes], defect: TargetDefect | None) -> _Path:
    try:
        segments = [part.decode() for part in parts[1:]]
    except UnicodeDecodeError:
        defect = defect or TargetDefect.ENCODING
        segments = [part.decode("utf-8", "replace") for part in parts[1:]]
    if parts[0]:  # no leading slash
        segments.insert(0, parts[0].decode("utf-8", "replace"))
    for segment in segments:
        if not segment.isprintable() and _CONTROL.search(segment):
            defect = TargetDefect.CHARACTER
        if "." in segment and not {".", ".."}.isdisjoint(_PARTS.split(segment)):
            return segments, TargetDefect.DOTS
    return segments, defect


def path_of(segments: list[str]) -> str:
    """Return the path of decoded segments, percent-encoded (RFC 3986 section 3.3)."""
    return "/" + "/".join(quote(segment, safe="!$&'()*+,;=:@") for segment in segments)


def mount_of(environ: Environ) -> str:
    """Return the path where the App is mounted (SCRIPT_NAME), percent-encoded; empty for the root."""
    # Exactly one leading slash: after two, a browser would read the first segment as a host.
    mount = "/" + (environ.get("SCRIPT_NAME") or "").strip("/\\")
    return quote(mount.encode("latin-1", "replace"), safe="/") if mount != "/" else ""
