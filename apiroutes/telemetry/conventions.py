"""What OpenTelemetry's conventions call the parts of a request, in words alone.

In: environs. Out: names and attributes of spans and metrics. The source is the stable "Semantic conventions
for HTTP": https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and the page of metrics beside it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from apiroutes.code_origin import without_package
from apiroutes.types import Environ

__all__ = [
    "DURATION_BUCKETS",
    "Attributes",
    "known_methods",
    "method_of",
    "name_of_error",
    "protocol_version",
    "request_attributes",
    "route_below",
    "span_name",
]

Attributes = dict[str, Any]

# "Metric: http.server.request.duration" advises these boundaries, in seconds.
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

# `http.request.method`: the methods of RFC 9110, and PATCH of RFC 5789.
_METHODS = frozenset(("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"))
_OTHER = "_OTHER"

_PLAIN_PATH = re.compile(r"[A-Za-z0-9/_.~!$&'()*+,;=:@-]*")
_PATH_CHARACTERS = "/!$&'()*+,;=:@"
# A host and its port; an IPv6 address keeps its brackets out of `server.address`.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/@\s]+))(?::([0-9]{1,5}))?")
_LAST_PORT = 65535
_PORTS = {"http": 80, "https": 443}


# As servers write them in other ways: granian has no ".0".
_VERSIONS = {"HTTP/1": "1.0", "HTTP/2.0": "2", "HTTP/3.0": "3"}


def known_methods(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the methods that have a name: OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS replaces them all."""
    listed = environment.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "")
    names = frozenset(name.strip() for name in listed.split(",") if name.strip())
    return names or _METHODS


def method_of(method: str, known: frozenset[str]) -> str:
    """Return `http.request.method`: `_OTHER` for a method that is not known."""
    return method if method in known else _OTHER


def route_below(mount: str, pattern: str | None) -> str | None:
    """Return `http.route`: the pattern below the place where the App is mounted, an environ's SCRIPT_NAME."""
    if pattern is None or not mount:
        return pattern
    return mount.rstrip("/").encode("latin-1", "replace").decode("utf-8", "replace") + pattern


def span_name(method: str, route: str | None) -> str:
    """Return `{method} {http.route}`, or the method alone; `HTTP` stands for one that is not known."""
    name = "HTTP" if method == _OTHER else method
    return name if route is None else f"{name} {route}"


def protocol_version(environ: Environ) -> str:
    """Return `network.protocol.version`, such as "1.1" or "2"; "" where the environ does not say."""
    protocol: str = environ.get("SERVER_PROTOCOL", "")
    return _VERSIONS.get(protocol) or protocol[5:]


def request_attributes(environ: Environ) -> Attributes:
    """Return what a span tells of who asked for what, without the query, a body or a header but two.

    These are `server.address` and `server.port` (Host), and `user_agent.original`.
    """
    scheme: str = environ.get("wsgi.url_scheme", "http")
    attributes: Attributes = {"url.path": _path_of(environ), "url.scheme": scheme}
    host = environ.get("HTTP_HOST")
    address, port = _host_of(host, scheme) if host else ("", None)
    attributes["server.address"] = address or environ.get("SERVER_NAME", "")
    if port is not None:
        attributes["server.port"] = port
    client = environ.get("REMOTE_ADDR")
    if client:
        attributes["client.address"] = client
    agent = environ.get("HTTP_USER_AGENT")
    if agent:
        attributes["user_agent.original"] = agent
    return attributes


def _path_of(environ: Environ) -> str:
    path: str = environ.get("PATH_INFO") or ""
    mount = environ.get("SCRIPT_NAME")
    if mount:
        path = mount + path
    if _PLAIN_PATH.fullmatch(path):
        return path or "/"
    return quote(path.encode("latin-1", "replace"), safe=_PATH_CHARACTERS)


@lru_cache(maxsize=512)  # clients choose it
def _host_of(host: str, scheme: str) -> tuple[str, int | None]:
    match = _HOST.fullmatch(host)
    if match is None:
        return "", None
    port = int(match[3]) if match[3] else _PORTS.get(scheme)
    return match[1] or match[2], port if port is None or port <= _LAST_PORT else None


def name_of_error(error: BaseException) -> str:
    """Return `error.type`: the full name of the exception's class, a route's own as `pages.api.x.Broken`."""
    cls = type(error)
    module = cls.__module__
    return cls.__qualname__ if module == "builtins" else without_package(f"{module}.{cls.__qualname__}")
