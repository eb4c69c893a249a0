"""The applications that are measured, each after it gave the right responses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from types import ModuleType
from typing import Any

from benchmarks.peers import Peer
from benchmarks.workloads import (
    CACHED,
    NUMBERED,
    SHARED,
    USUAL,
    WITHOUT_ETAG,
    Environ,
    Request,
    StartResponse,
    Workload,
    WSGIApplication,
    numbered_routes,
)

# The functions of a peer's module that make its applications.
FUNCTIONS = {
    USUAL: "application",
    NUMBERED: "numbered_application",
    WITHOUT_ETAG: "application_without_etag",
    CACHED: "cached_application",
    SHARED: "shared_cached_application",
}

EMPTY = "empty"  # the key of `empty_application` among the peers


class DifferentResponseError(Exception):
    """A peer's response is not that of the workload; its timings would compare different things."""


class StartedResponse:
    """A start_response that keeps the status and the headers, as a server must do."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.written: list[bytes] = []

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        self.status = status
        self.headers = headers
        return self.written.append


@dataclass(frozen=True)
class Contender:
    """A peer's application for one workload."""

    peer: str
    workload: Workload
    application: WSGIApplication


def empty_application(environ: Environ, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]


def contenders(peer: Peer, workloads: Sequence[Workload]) -> Iterator[Contender]:
    """Yield the peer's application for each workload that it has, after it gave the right responses."""
    module = peer.load()
    made: dict[str, WSGIApplication | None] = {}
    for workload in workloads:
        name = workload.application
        if name not in made:
            made[name] = _make(module, name)
        application = made[name]
        if application is not None:
            check_responses(peer, workload, application)
            yield Contender(peer.key, workload, application)


def _make(module: ModuleType, name: str) -> WSGIApplication | None:
    """Return a peer's application, None if it has none of that name."""
    usual = getattr(module, FUNCTIONS[USUAL], None)
    make = getattr(module, FUNCTIONS[name], usual if name == WITHOUT_ETAG else None)
    arguments = [numbered_routes()] if name == NUMBERED else []
    application: WSGIApplication | None = None if make is None else make(*arguments)
    return application


def check_responses(peer: Peer, workload: Workload, application: WSGIApplication) -> None:
    """Raise DifferentResponseError unless the application gives the workload's responses."""
    for request in workload.requests:
        difference = _difference(application, request)
        if difference:
            line = f"{request.environ['REQUEST_METHOD']} {request.environ['RAW_URI']}"
            raise DifferentResponseError(f"{peer.title}, {workload.name}, {line}: {difference}")


def _difference(application: WSGIApplication, request: Request) -> str:
    """Describe how the response to `request` differs from the required one; empty if it does not."""
    started = StartedResponse()
    body = application({**request.environ, "wsgi.input": BytesIO(request.content)}, started)
    content = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    required = request.required
    headers = {name.lower(): value for name, value in started.headers}
    if not started.status.startswith(f"{required.status} "):
        return f"status {started.status!r}, not {required.status}"
    if required.status != 304 and headers.get("content-length") != str(len(content)):
        return f"Content-Length {headers.get('content-length')} for {len(content)} bytes"
    for name, value in required.headers.items():
        if _directives(headers.get(name, "")) != _directives(value):
            return f"{name} {headers.get(name)!r}, not {value!r}"
    if required.body is not None and _value(headers.get("content-type", ""), content) != required.body:
        return f"body {content[:200]!r}, not {str(required.body)[:200]!r}"
    return ""


def _directives(value: str) -> set[str]:
    """Return the directives without their order and case, which differ between peers for cookies."""
    return {directive.strip().lower() for directive in value.split(";")}


def _value(content_type: str, content: bytes) -> Any:
    media_type = content_type.partition(";")[0]
    if media_type == "application/json":
        return json.loads(content)
    return content.decode() if media_type == "text/plain" else content
