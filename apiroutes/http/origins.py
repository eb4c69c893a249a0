"""Origins (RFC 6454): the site that a page comes from, in one spelling.

In: an Origin header and a Host header, or an origin that a project lists. Out: whether they are the same, and
the spelling of browsers; None for a text that is not an origin, such as "null".
"""

from __future__ import annotations

import re
from functools import lru_cache

from apiroutes.http.hosts import canonical_host, is_address, requested_host

__all__ = ["canonical_origin", "is_own_origin"]

# RFC 6454 section 6.2: only scheme, host and port, so no path, no userinfo and no list. The text between the
# slashes and the port has to be a host.
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^\s/?#@\\:,]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_PORTS = {"http": 80, "https": 443}
# A host has at most 253 characters (RFC 1035 section 2.3.4).
_LONGEST = 300


def canonical_origin(text: str) -> str | None:
    """Return an origin in lower case, with an ASCII host and no default port; None for another text."""
    parts = _parts(text)
    if parts is None:
        return None
    scheme, host, port = parts
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port == _PORTS.get(scheme) else f"{scheme}://{shown}:{port}"


def is_own_origin(origin: str, host: str) -> bool:
    """Return whether `origin` is the site that a request with the Host header `host` is for.

    Both have to be valid. The scheme does not count, because a proxy may have terminated TLS; a host without
    a port has the default port of the origin's scheme.
    """
    return len(origin) <= _LONGEST and len(host) <= _LONGEST and _is_own(origin, host)


@lru_cache(maxsize=256)
def _is_own(origin: str, host: str) -> bool:
    if not origin.isascii():  # browsers never send that
        return False
    parts, requested = _parts(origin), _requested(host)
    if parts is None or requested is None or parts[0] not in _PORTS:
        return False
    name, port = requested
    return (parts[1], parts[2]) == (name, _PORTS[parts[0]] if port is None else port)


def _parts(text: str) -> tuple[str, str, int | None] | None:
    return _read(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=256)
def _read(text: str) -> tuple[str, str, int | None] | None:
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme = match[1].lower()
    port = _PORTS.get(scheme) if match[3] is None else int(match[3])
    if match[3] is not None and not 0 < int(match[3]) < 65536:
        return None
    try:
        host = canonical_host(match[2])
    except ValueError:
        return None
    is_bracketed = match[2].startswith("[")
    return None if is_bracketed != (is_address(host) and ":" in host) else (scheme, host, port)


def _requested(sent: str) -> tuple[str, int | None] | None:
    host = requested_host(sent)
    if host is None:
        return None
    _, colon, port = sent.rpartition(":")
    return host, int(port) if colon and not sent.endswith("]") else None
