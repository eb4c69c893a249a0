"""A project on disk and a request to its App, for the tests: the environ is as gunicorn makes it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from apiroutes import App

# Entries of an environ that no keyword can spell, or that replace what is made: `**Extra({...})`.
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
        path.write_text(source, encoding="utf-8")
    return root


def app_of(root: Path, handler: str, name: str = "x.py", **settings: Any) -> App:
    """An App with one route, `/api/x` unless `name` is another file below pages/api."""
    return App(project(root, {f"pages/api/{name}": handler}), **settings)


@dataclass
class Answer:
    """What came back, whole."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    events: list[str] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    def json(self) -> Any:
        return json.loads(self.body)


def environ(
    method: str = "GET",
    target: str = "/api/x",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    **extra: Any,
) -> dict[str, Any]:
    """PATH_INFO is percent-decoded latin-1, RAW_URI the target as sent, repeats are joined."""
    path, _, query = target.partition("?")
    made: dict[str, Any] = {
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
        made["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
            value = f"{made[key]},{value}" if key in made and key != "HTTP_HOST" else value
        made[key] = value
    made.update(extra)
    return {key: value for key, value in made.items() if value is not None}


def call(
    app: Callable[..., Iterable[bytes]],
    method: str = "GET",
    target: str = "/api/x",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    **extra: Any,
) -> Answer:
    """Send one request, read the answer to its end, close it."""
    answer = Answer(0, [], b"")
    chunks: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert not answer.status or exc_info, "start_response was called twice"
        answer.status = int(status[:3])
        answer.headers = list(headers)
        return chunks.append

    iterable = app(environ(method, target, headers, body, **extra), start_response)
    try:
        for chunk in iterable:
            assert isinstance(chunk, bytes)
            chunks.append(chunk)
    finally:
        close = getattr(iterable, "close", None)
        if close is not None:
            close()
    answer.body = b"".join(chunks)
    return answer


def respond(root: Path, *lines: str, before: str = "", **request: Any) -> Answer:
    """Send a request to a handler with these lines, below the lines `before`."""
    source = before + "\ndef handler(req, res):\n    " + "\n    ".join(lines) + "\n"
    return call(app_of(root, source), **request)
