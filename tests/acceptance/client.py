"""Send one request, to a server or to a WSGI application in this process; both give the same `Answer`."""

import http.client
import io
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote_to_bytes

from werkzeug.datastructures import Headers

SECONDS = 30
WSGIApplication = Callable[..., Iterable[bytes]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Sender(Protocol):
    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> Answer: ...


@dataclass(frozen=True)
class OverHttp:
    """Send to a server on the loopback interface, a connection for each request."""

    port: int

    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as connection:
            # A server that refuses a body may answer and close before it has read all of it.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target, body or None, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, Headers(response.getheaders()), response.read())


@dataclass(frozen=True)
class InProcess:
    """Call a WSGI application as gunicorn would."""

    application: WSGIApplication
    errors: io.StringIO = field(default_factory=io.StringIO)

    def __call__(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> Answer:
        return self.call(self.environ(method, target, headers, body))

    def call(self, environ: dict[str, Any]) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []
        written: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started.append((status, headers))
            return written.append

        result = self.application(environ, start_response)
        try:
            written.extend(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        status, answered = started[-1]
        return Answer(int(status[:3]), Headers(answered), b"".join(written))

    def environ(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> dict[str, Any]:
        path, _, query = target.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": target,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body if isinstance(body, bytes) else b"".join(body)),
            "wsgi.input_terminated": True,
            "wsgi.errors": self.errors,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if not isinstance(body, bytes):
            environ["HTTP_TRANSFER_ENCODING"] = "chunked"
        elif body:
            environ["CONTENT_LENGTH"] = str(len(body))
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
        return environ


@dataclass(frozen=True)
class Client:
    """Ask the example application, wherever it is mounted; a location comes back without the mount prefix."""

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
        """Send a request; a body in pieces goes out chunked, and `json` becomes a body of that type."""
        headers = dict(headers or {})
        if json is not None:
            headers["Content-Type"] = "application/json"
            body = _encoded(json)
        answer = self.send(method, self.prefix + path, headers, body)
        return self._unmounted(answer) if "Location" in answer.headers else answer

    def _unmounted(self, answer: Answer) -> Answer:
        location = answer.headers["Location"]
        assert location.startswith(self.prefix), f"{location} leads out of {self.prefix}"
        headers = Headers(answer.headers)
        headers["Location"] = location.removeprefix(self.prefix)
        # The body of a redirect is the location.
        redirected = answer.body == location.encode()
        body = answer.body.removeprefix(self.prefix.encode()) if redirected else answer.body
        return Answer(answer.status, headers, body)


def _encoded(value: Any) -> bytes:
    return json.dumps(value).encode()
