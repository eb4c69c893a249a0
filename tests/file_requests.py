"""Requests for files: handlers that send one as a header of the request says, and the calls of the tests."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from apiroutes import App
from tests.support import Answer, Extra, call, project

CONTENT = bytes(range(256)) * 2 + b"x" * 88  # 600 bytes, as in Starlette's tests
CHANGED = 1_600_000_000
DATE = "Sun, 13 Sep 2020 12:26:40 GMT"
BEFORE = "Sun, 13 Sep 2020 12:26:39 GMT"
AFTER = "Sun, 13 Sep 2020 12:26:41 GMT"

HANDLER = """
import json

from apiroutes import file

def handler(req, res):
    wanted = json.loads(req.headers["X-File"])
    for name, value in wanted["earlier"].items():
        res.set_header(name, value)
    res.status(wanted["status"])
    return file(wanted["path"], **wanted["with"])
"""
FILES = {
    "pages/api/x.py": HANDLER,
    "pages/api/limited.py": 'config = {"maxDuration": 60}\n' + HANDLER,
    "pages/api/coroutine.py": HANDLER.replace("def handler", "async def handler"),
    "pages/api/wrapped.py": HANDLER
    + """
from apiroutes import from_wsgi

def wsgi(application):
    return lambda environ, start_response: application(environ, start_response)

middleware = [from_wsgi(wsgi)]
""",
    "pages/api/chunked.py": HANDLER
    + """
from apiroutes import from_wsgi

def wsgi(application):
    def wrapped(environ, start_response):
        content = application(environ, start_response)
        try:
            for chunk in content:
                yield chunk[:7]
                yield b""
                yield chunk[7:]
        finally:
            getattr(content, "close", int)()
    return wrapped

middleware = [from_wsgi(wsgi), from_wsgi(wsgi)]
""",
    "pages/api/buffered.py": HANDLER
    + """
from apiroutes import from_wsgi

def wsgi(application):
    def wrapped(environ, start_response):
        content = application(environ, start_response)
        try:
            return [b"".join(content)]
        finally:
            getattr(content, "close", int)()
    return wrapped

middleware = [from_wsgi(wsgi)]
""",
    "pages/api/zipped.py": HANDLER
    + """
import zlib
from apiroutes import from_wsgi

def wsgi(application):
    def wrapped(environ, start_response):
        def start(status, headers, *exc_info):
            headers = [line for line in headers if line[0] != "Content-Length"]
            return start_response(status, [*headers, ("Content-Encoding", "deflate")], *exc_info)
        content = application(environ, start)
        try:
            yield zlib.compress(b"".join(content))
        finally:
            getattr(content, "close", int)()
    return wrapped

middleware = [from_wsgi(wsgi)]
""",
}
EVERY_WAY = ["x", "limited", "coroutine", "wrapped", "chunked", "buffered"]


def app_of_files(root: Path) -> App:
    return App(project(root, FILES))


def data_file(root: Path) -> Path:
    """A file of CONTENT, last changed at CHANGED."""
    path = root / "data.bin"
    path.write_bytes(CONTENT)
    os.utime(path, (CHANGED, CHANGED))
    return path


def handler_input(
    path: Path | str,
    status: int = 200,
    earlier: dict[str, str] | None = None,
    **options: Any,
) -> Extra:
    """The header by which the handlers above know what to send."""
    wanted = {"path": str(path), "status": status, "earlier": earlier or {}, "with": options}
    return Extra({"HTTP_X_FILE": json.dumps(wanted)})


def get(
    app: App,
    path: Path | str,
    *headers: tuple[str, str],
    method: str = "GET",
    route: str = "x",
    **options: Any,
) -> Answer:
    return call(app, method, f"/api/{route}", headers, **handler_input(path, **options))


def etag_of(app: App, path: Path) -> str:
    etag = get(app, path).header("ETag")
    assert etag is not None
    return etag


def still_open(path: Path) -> int:
    """The number of open descriptors of the file in this process."""
    if sys.platform != "linux":
        return 0
    count = 0
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{descriptor}") == str(path)
        except FileNotFoundError:  # that of the listing
            continue
    return count
