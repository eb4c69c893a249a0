"""For all tests: a project on disk, and a request to a WSGI application with gunicorn's environ."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from apiroutes import App
from tests.interfaces import for_interface, through_interface

WSGIApplication = Callable[..., Iterable[bytes]]

# Entries of an environ that cannot be spelled as keywords: `**Extra({...})`. None removes an entry.
Extra = dict[str, Any]

# For a handler's module: a stream that notes in `seen` that it was closed; an exception in it is raised.
CHUNKS = """
seen = []
class Chunks:
    def __init__(self, *chunks):
        self.chunks = iter(chunks)
    def __iter__(self):
        return self
    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk
    def close(self):
        seen.append("closed")
"""

HELLO = "def handler(req, res):\n    res.json({'message': 'Hello'})\n"


def project(root: Path, files: Mapping[str, str]) -> Path:
    """Write the files of a project below `root`."""
    for name, source in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(for_interface(source) if path.suffix == ".py" else source, encoding="utf-8")
    return root


def app_of(root: Path, handler: str, name: str = "x.py", **settings: Any) -> App:
    """An App with one route, `/api/x` unless `name` is another file below pages/api."""
    return App(project(root, {f"pages/api/{name}": handler}), **settings)


@dataclass(frozen=True)
class Answer:
    """A whole response: the header as its lines, in order, and the content."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def environ(
    method: str = "GET",
    target: str = "/api/x",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    **extra: Any,
) -> dict[str, Any]:
    """Return gunicorn's environ: PATH_INFO percent-decoded, RAW_URI as sent, repeated fields joined."""
    path, _, query = target.partition("?")
    entries: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("utf-8")).decode("latin-1"),
        "RAW_URI": target.encode("utf-8").decode("latin-1"),
        "QUERY_STRING": query.encode("utf-8").decode("latin-1"),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    if body:
        entries["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
            value = f"{entries[key]},{value}" if key in entries and key != "HTTP_HOST" else value
        entries[key] = value
    entries.update(extra)
    return {key: value for key, value in entries.items() if value is not None}


def call(
    app: WSGIApplication,
    method: str = "GET",
    target: str = "/api/x",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    **extra: Any,
) -> Answer:
    """Send one request to the application in this process."""
    return exchange(app, environ(method, target, headers, body, **extra))


def exchange(app: WSGIApplication, environ: dict[str, Any]) -> Answer:
    """Call the application as a server does: read its response to the end, and close it."""
    head: list[tuple[str, list[tuple[str, str]]]] = []
    chunks: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert not head or exc_info, "start_response was called twice"
        head[:] = [(status, list(headers))]
        return chunks.append

    iterable = through_interface(app)(environ, start_response)
    try:
        for chunk in iterable:
            assert isinstance(chunk, bytes)
            chunks.append(chunk)
    finally:
        close = getattr(iterable, "close", None)
        if close is not None:
            close()
    ((status, headers),) = head
    return Answer(int(status[:3]), headers, b"".join(chunks))


def respond(root: Path, *lines: str, before: str = "", **request: Any) -> Answer:
    """Send a request to a handler with these lines, below the lines `before`."""
    source = before + "\ndef handler(req, res):\n    " + "\n    ".join(lines) + "\n"
    return call(app_of(root, source), **request)


def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most 30 seconds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
