"""Middleware around responses that the framework makes: redirects, 404, 405, 400 and 422."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.support import call, project

# -- what is answered where no handler is called

NOWHERE = [
    ("GET", "/api/nope", 404, b"Not Found"),
    ("GET", "/elsewhere", 404, b"Not Found"),
    ("GET", "/api/x/..", 404, b"Not Found"),
    ("PUT", "/api/get", 405, b"Method Not Allowed"),
    ("OPTIONS", "/api/get", 204, b""),
    ("GET", "/api/x/", 308, b"/api/x"),
    ("POST", "//api//x", 308, b"/api/x"),
    ("GET", "/api/get/?a=1", 308, b"/api/get?a=1"),
    ("GET", "/api/at/%00", 400, b"Bad Request"),
    ("GET", "/api/nope%01", 400, b"Bad Request"),
    ("GET", "/api/at/%ff", 400, b"Bad Request"),
]
AROUND = """
def around(req, res, next):
    res.set_header("X-Before", "1")
    next()
    res.set_header("X-Status", res.status_code).set_header("X-Content", res.body.decode())
    if "HTTP_REPLACE" in req.environ:
        return {"was": res.status_code}
    if "HTTP_FAIL" in req.environ:
        raise RuntimeError
    if "HTTP_STATUS" in req.environ:
        res.status(418)
"""


def around_everything(root: Path, is_async: bool) -> App:
    body = AROUND.replace("next()", "await next()").replace("def", "async def") if is_async else AROUND
    get = "def GET(): return 1\n"
    files = {
        "pages/api/x.py": "def handler(req, res): res.json(1)\n",
        "pages/api/get.py": get,
        "pages/api/at/[id].py": get,
    }
    steps: dict[str, Any] = {}
    exec(body, steps)
    return App(project(root, files), middleware=[steps["around"]])


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("method", "target", "status", "content"), NOWHERE)
def test_middleware_can_change_the_frameworks_own_responses(
    tmp_path: Path, method: str, target: str, status: int, content: bytes, is_async: bool
) -> None:
    app = around_everything(tmp_path, is_async)
    answer = call(app, method, target)
    assert (answer.status, answer.body, answer.header("X-Status")) == (status, content, str(status))
    assert answer.header("X-Content") == content.decode()
    replaced = call(app, method, target, headers=[("Replace", "1")])
    assert (replaced.status, replaced.json()) == (200, {"was": status})
    dropped = [replaced.header(name) for name in ("Location", "Allow", "Cache-Control")]
    assert dropped == [None, None, None]
    assert replaced.header("X-Before") == "1"
    failed = call(app, method, target, headers=[("Fail", "1")])
    assert (failed.status, failed.header("X-Before"), failed.header("X-Status")) == (500, "1", str(status))
    assert call(app, method, target, headers=[("Status", "1")]).status == 418


@pytest.mark.parametrize(
    ("target", "method", "labels"),
    [
        ("/api/at/1/", "GET", "project at module"),
        ("/api/at/%00", "GET", "project at module"),
        ("/api/at/1", "PUT", "project at module"),
        ("/api/at/1", "OPTIONS", "project at module"),
        ("/api/at/1", "GET", "project at module method"),
        ("/api/at/1/2", "GET", "project at"),
        ("/api/x%01", "GET", "project"),
    ],
)
def test_the_middleware_of_the_directory_runs_around_them(
    tmp_path: Path, target: str, method: str, labels: str
) -> None:
    def step(label: str) -> str:
        return (
            f"def {label}(req, res, next):\n    res.append_header('X-Label', '{label}')\n    return next()\n"
        )

    files = {
        "pages/api/at/_middleware.py": step("at") + "middleware = at\n",
        "pages/api/at/[id].py": "from apiroutes import use\n"
        + step("module")
        + step("method")
        + "middleware = [module]\n@use(method)\ndef GET(): return 1\n",
    }
    made: dict[str, Any] = {}
    exec(step("project"), made)
    answer = call(App(project(tmp_path, files), middleware=[made["project"]]), method, target)
    assert " ".join(answer.all("X-Label")) == labels


ERRORS = [
    ("x.py", "def POST(body): return body\n", "POST", b"{", 400),
    ("x.py", "def POST(body: list[int]): return body\n", "POST", b"{}", 422),
    ("x.py", "def POST(page: int): return page\n", "POST", b"", 422),
    (
        "x.py",
        "config = {'api': {'bodyParser': {'sizeLimit': 1}}}\ndef POST(body): return body\n",
        "POST",
        b"12",
        413,
    ),
]


@pytest.mark.parametrize(("name", "handler", "method", "body", "status"), ERRORS)
def test_a_request_that_is_not_valid_is_an_exception_to_middleware(
    tmp_path: Path, name: str, handler: str, method: str, body: bytes, status: int
) -> None:
    raised: list[Any] = []

    def note(req: Any, res: Any, next: Callable[[], Any]) -> None:
        res.set_header("X-Before", "1")
        try:
            next()
        except Exception as error:
            raised.append(getattr(error, "status", None))
            raise

    app = App(project(tmp_path, {f"pages/api/{name}": handler}), middleware=[note])
    answer = call(app, method, headers=[("Content-Type", "application/json")], body=body)
    assert (answer.status, raised, answer.header("X-Before")) == (status, [status], "1")
    assert answer.header("Cache-Control") == "no-store"
