"""A chain of middleware around a handler as source, and what the client gets from it: data for tests."""

from __future__ import annotations

import itertools
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.support import CHUNKS, call, project

HEAD = """
import contextlib, io, json as jsons
import werkzeug
from apiroutes import ApiError, file, html, json, redirect, stream, text
from werkzeug.exceptions import Conflict, abort
from werkzeug.routing import RequestRedirect
async def parts(error=None):
    if error is not None:
        raise error
    yield "a"
    yield "b"
def application(environ, start_response):
    start_response("201 Created", [("Content-Type", "text/csv"), ("X-App", "1"), ("Vary", "Cookie")])
    return [b"a,", b"b"]
"""


def source(steps: list[str], handler: str, kinds: str = "s") -> str:
    """A route with middleware, the outermost first, the handler last, of these kinds in turn.

    "s" is a plain function and "a" an async one.
    """
    kind = itertools.cycle(kinds)
    parts = [HEAD, CHUNKS]
    for number, body in enumerate(steps):
        parts.append(function(f"step{number}(req, res, next)", body, next(kind)))
    parts.append(f"middleware = [{', '.join(f'step{number}' for number in range(len(steps)))}]")
    parts.append(function("handler(req, res)", handler, next(kind)))
    return "\n".join(parts)


def function(signature: str, body: str, kind: str) -> str:
    if kind == "a":
        body = re.sub(r"(?<!await )\bnext\(\)", "await next()", body)
    prefix = "async " if kind == "a" else ""
    return f"{prefix}def {signature}:\n" + "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))


def app_with(root: Path, steps: list[str], handler: str, kinds: str = "s", **settings: Any) -> App:
    return App(project(root, {"pages/api/x.py": source(steps, handler, kinds)}), **settings)


@dataclass
class Case:
    """Middleware around a handler, and what the client gets of them."""

    steps: list[str]
    handler: str
    status: int
    body: bytes | None
    headers: dict[str, list[str]] = field(default_factory=dict)
    log: str | None = None  # what is in the log; nothing but that
    request: dict[str, Any] = field(default_factory=dict)


OK = "res.json('ok')"
AB = "res.set_header('X-A', '1')"
FAULT = b"Internal Server Error"


def check_case(root: Path, log: pytest.LogCaptureFixture, case: Case, kinds: str) -> None:
    """Serve a case once, with steps of these kinds, and compare the response and the log."""
    app = app_with(root, case.steps, case.handler, kinds)
    log.set_level(logging.WARNING)
    answer = call(app, **case.request)
    assert (answer.status, answer.body) == (case.status, answer.body if case.body is None else case.body)
    for name, values in case.headers.items():
        assert (name, answer.all(name)) == (name, values)
    logged = "\n".join(record.getMessage() + (record.exc_text or "") for record in log.records)
    assert (case.log or "") in logged
    assert bool(case.log) == bool(logged)
