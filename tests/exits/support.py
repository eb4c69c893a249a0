"""For the tests of exits: an App over either interface, and what the module of its route has noted."""

from __future__ import annotations

from typing import Any

from apiroutes import App
from tests.asgi_server import AsWSGI

__all__ = ["HEAD", "through", "seen_in"]

HEAD = """
import asyncio, contextlib, contextvars, threading
from typing import Annotated
from apiroutes import ApiError, Depends
seen = []
"""


def through(app: App, interface: str) -> Any:
    """Return the App as the application to call."""
    return app if interface == "wsgi" else AsWSGI(app.asgi)


def seen_in(app: App, file: str = "pages/api/x.py") -> list[Any]:
    """Return what the module of a route has noted in its list `seen`."""
    module = app.resources[file].module
    assert module is not None
    (handler, *_) = module.handlers.values()
    seen: list[Any] = handler.function.__globals__["seen"]
    return seen
