"""One exchange with a WSGI application, in-process: gunicorn's environ, and the whole response."""

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Headers = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def build_environ(
    method: str, target: str, headers: Headers = (), body: bytes = b"", *, chunked: bool = False
) -> dict[str, Any]:
    """Return gunicorn's environ of a request: the path decoded, without the fragment; RAW_URI as sent.

    Header values lose the whitespace around them (OWS, RFC 9110 section 5.5).
    """
    path, _, query = target.partition("#")[0].partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "RAW_URI": target,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for name, value in headers:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key
        value = value.strip(" \t")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    if chunked:
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
        environ.pop("CONTENT_LENGTH", None)
    return environ


def call(app: Application, environ: dict[str, Any]) -> Answer:
    """Call the application and read its response to the end. Raises what the application raises."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], None]:
        assert exc_info is not None or not started, "start_response was called twice"
        started[:] = [(status, list(headers))]
        return written.append

    chunks = app(environ, start_response)
    try:
        written.extend(chunks)
    finally:
        getattr(chunks, "close", lambda: None)()
    status, headers = started[0]
    return Answer(int(status.split(" ", 1)[0]), headers, b"".join(written))
