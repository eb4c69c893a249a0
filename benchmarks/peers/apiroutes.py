"""apiroutes: the project directory beside this package, and a generated one for W8."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from apiroutes import App
from benchmarks.workloads import NumberedRoute, Request, WSGIApplication, shared_json

PROJECT = Path(__file__).parents[1] / "project"

STATIC = """\
def handler(req, res):
    res.json({{"route": {number}}})
"""

DYNAMIC = """\
def handler(req, res):
    res.json({{"route": {number}, "id": req.params["id"]}})
"""


def application() -> WSGIApplication:
    return App(PROJECT)


def application_without_etag() -> WSGIApplication:
    return App(PROJECT, etag=False)


def cached_application() -> WSGIApplication:
    return App(PROJECT, cache="memory")


def shared_cached_application() -> WSGIApplication:
    """Make the application of a worker in whose cache another one has stored what it serves."""
    directory = TemporaryDirectory(prefix="apiroutes-benchmark-")
    atexit.register(directory.cleanup)
    path = str(Path(directory.name, "cache.db"))
    _ask(App(PROJECT, cache_path=path), shared_json().requests[0])
    return App(PROJECT, cache_path=path)


def _ask(app: WSGIApplication, request: Request) -> None:
    environ = {**request.environ, "wsgi.input": BytesIO()}
    body = app(environ, lambda status, headers, exc_info=None: lambda data: None)
    for _ in body:
        pass
    getattr(body, "close", lambda: None)()


def asgi_application() -> Any:
    """Make the ASGI application of the same project."""
    return App(PROJECT).asgi


def numbered_application(routes: Sequence[NumberedRoute]) -> WSGIApplication:
    directory = TemporaryDirectory(prefix="apiroutes-benchmark-")
    atexit.register(directory.cleanup)
    for route in routes:
        _write(Path(directory.name, f"pages{route.path}"), route)
    return App(directory.name)


def _write(path: Path, route: NumberedRoute) -> None:
    file = path / "[id].py" if route.dynamic else path.with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    source = DYNAMIC if route.dynamic else STATIC
    file.write_text(source.format(number=route.number), encoding="utf-8")
