"""Clients of the example application, on a server or in this process, with the same `Answer`."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from tests.support import Answer, WSGIApplication, call

__all__ = ["SECONDS", "Answer", "Client", "InProcess", "OverHttp", "Sender"]

SECONDS = 30


class Sender(Protocol):
    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> Answer: ...


@dataclass(frozen=True)
class OverHttp:
    """Send to a server on the loopback interface, with a connection for each request."""

    port: int

    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as connection:
            # A server that refuses a body may respond and close before it has read all of it.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target, body or None, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())


@dataclass(frozen=True)
class InProcess:
    """Call a WSGI application as gunicorn would; a body in pieces comes chunked, as over HTTP."""

    application: WSGIApplication

    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> Answer:
        if isinstance(body, bytes):
            return call(self.application, method, target, headers.items(), body)
        chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": None}
        return call(self.application, method, target, headers.items(), b"".join(body), **chunked)


@dataclass(frozen=True)
class Client:
    """A client of the example application that removes the prefix of a mount from locations."""

    send: Sender
    prefix: str = ""

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] = b"",
        json: Any = None,
    ) -> Answer:
        """Send a request; a body in pieces is sent chunked, and `json` becomes a body of that type."""
        headers = dict(headers or {})
        if json is not None:
            headers["Content-Type"] = "application/json"
            body = _encoded(json)
        answer = self.send(method, self.prefix + path, headers, body)
        location = answer.header("Location")
        return answer if location is None else self._unmounted(answer, location)

    def _unmounted(self, answer: Answer, location: str) -> Answer:
        assert location.startswith(self.prefix), f"{location} leads out of {self.prefix}"
        inner = location.removeprefix(self.prefix)
        headers = [(name, inner if name.lower() == "location" else value) for name, value in answer.headers]
        # The body of a redirect repeats the location.
        redirected = answer.body == location.encode()
        body = answer.body.removeprefix(self.prefix.encode()) if redirected else answer.body
        return Answer(answer.status, headers, body)


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()
