"""What a stored answer belongs to: the target of a request, and the values of the headers that it depends on.

In: a request's environ. Out: a `Target`; keys, each of length-prefixed parts, and their digests; the environ
of a request that has only its key (RFC 9111 sections 2 and 4.1).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from apiroutes.body import parse_pairs
from apiroutes.http import mount_of, path_of, read_path
from apiroutes.structs import Struct
from apiroutes.types import Environ

__all__ = [
    "Target",
    "digest",
    "header_key",
    "header_name",
    "header_values",
    "listed_pairs",
    "raw_target",
    "target_of",
    "variant_key",
]

_PORTS = {"http": "80", "https": "443"}
_DIGEST_SIZE = 16  # bytes


class Target(Struct, frozen=True):
    """What a request asks for, in one spelling for all equivalent ones.

    `path` and `mount` are percent-encoded; `segments` are the path's, decoded and without empty ones.
    """

    scheme: str
    host: str
    mount: str
    path: str
    query: str
    segments: tuple[str, ...]

    def key(self, release: str) -> bytes:
        """Return what the keys of all its variants begin with."""
        return _joined([release, self.scheme, self.host, self.mount, self.path, self.query])

    def environ(self) -> Environ:
        """Return the environ of a GET for it, without headers but its Host."""
        name, _, port = self.host.rpartition(":") if _has_port(self.host) else (self.host, "", "")
        target = self.mount + self.path
        return {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": _decoded(self.mount),
            "PATH_INFO": _decoded(self.path),
            "QUERY_STRING": self.query,
            "RAW_URI": f"{target}?{self.query}" if self.query else target,
            "SERVER_NAME": name.strip("[]"),
            "SERVER_PORT": port or _PORTS.get(self.scheme, ""),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": self.host,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.scheme,
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }


def raw_target(environ: Environ) -> tuple[Any, ...]:
    """Return the raw target of a request with a Host: requests with equal ones have equal targets."""
    return (
        environ.get("HTTP_HOST"),
        environ.get("RAW_URI") or environ.get("REQUEST_URI"),
        environ["PATH_INFO"],
        environ.get("QUERY_STRING"),
        environ.get("SCRIPT_NAME"),
        environ["wsgi.url_scheme"],
    )


def target_of(environ: Environ, listed: Sequence[str] | None) -> Target:
    """Return the target of a request; of its query only the `listed` keys, if there is a list."""
    scheme = environ.get("wsgi.url_scheme", "http")
    segments, _ = read_path(environ.get("PATH_INFO") or "", environ)
    query = environ.get("QUERY_STRING") or ""
    return Target(
        scheme,
        _host_of(environ, scheme),
        mount_of(environ),
        path_of(segments),
        query if listed is None else listed_pairs(query, listed),
        tuple(segment for segment in segments if segment),
    )


def _host_of(environ: Environ, scheme: str) -> str:
    """Return the host in lower case, without the scheme's own port (RFC 9110 section 4.2.3)."""
    host: str = environ.get("HTTP_HOST") or ""
    if not host:
        host = environ.get("SERVER_NAME") or ""
        port = environ.get("SERVER_PORT") or ""
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        host = f"{host}:{port}" if port else host
    host = host.strip().lower()
    return host.removesuffix(f":{_PORTS.get(scheme, '')}") if _has_port(host) else host


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def listed_pairs(query: str, listed: Sequence[str]) -> str:
    """Return the pairs of the listed keys, sorted by key; the values of one key keep their order."""
    if not query or not listed:
        return ""
    text = query if query.isascii() else query.encode("latin-1", "replace").decode("utf-8", "replace")
    pairs = [(name, value) for name, value in parse_pairs(text) if name in listed]
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(pairs, key=_by_name))


def _by_name(pair: tuple[str, str]) -> str:
    return pair[0]


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


def _decoded(path: str) -> str:
    return unquote_to_bytes(path).decode("latin-1")


# -- variants ------------------------------------------------------------------------------------


def header_values(environ: Mapping[str, Any], names: Iterable[str]) -> tuple[str | None, ...]:
    """Return the values of headers, whose names are those of the environ's keys; None for an absent one."""
    return tuple(environ.get(name) for name in names)


def variant_key(base: bytes, names: Sequence[str], values: Sequence[str | None]) -> bytes:
    """Return the whole key of an answer that depends on headers with these values."""
    parts = [part for name, value in zip(names, values) for part in (name, _marked(value))]
    return _joined([base.hex(), *parts])


def digest(key: bytes) -> bytes:
    """Return the digest under which a store keeps the entry with this whole key."""
    return blake2b(key, digest_size=_DIGEST_SIZE).digest()


def header_key(name: str) -> str:
    """Return a header's key in the environ."""
    return "HTTP_" + name.strip().upper().replace("-", "_")


def header_name(key: str) -> str:
    """Return a header's name for Vary, from its key in the environ."""
    return key.removeprefix("HTTP_").replace("_", "-").title()


def _marked(value: str | None) -> str:
    return "-" if value is None else f"+{value}"


def _joined(parts: Iterable[str]) -> bytes:
    """Return the parts, each after its length, so that no two lists of parts are the same bytes."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
