"""A handler that shows what it sees, for the tests of middleware."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from apiroutes import App
from tests.support import Answer, call, project

SHOW = """
def GET(req, res):
    res.set_header("X-Id", str(req.context.get("request_id")))
    return [req.scheme, req.host, req.remote_addr]
def POST(): raise RuntimeError
def PUT(): from apiroutes import ApiError; raise ApiError(409, "no")
"""


def respond_through(root: Path, middleware: Callable[..., Any], *more: Any, **request: Any) -> Answer:
    """Send a request to the handler through middleware."""
    app = App(project(root, {"pages/api/x.py": SHOW}), middleware=[middleware, *more])
    return call(app, **request)
