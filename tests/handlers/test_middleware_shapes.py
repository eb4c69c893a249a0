"""Things that are taken for middleware: each is a start error that tells what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.start_reports import problems_of
from tests.support import HELLO, call, project

APPLICATION = (
    "class M:\n    def __init__(self, app): ...\n    def __call__(self, environ, start_response): ...\n"
)
ASGI = "class M:\n    def __init__(self, app): ...\n    async def __call__(self, scope, receive, send): ...\n"
STEP = """class M:
    def __call__(self, req, res, next): return next()
    def m(self, req, res, next): return next()
"""

# the source of a route, up to its handler: line, message, remedy
SHAPES = {
    "def m(req, res): ...\nmiddleware = [m]": (1, "`m`, which takes (req, res)", "(req, res, next)"),
    "def m(request, call_next): ...\nmiddleware = m": (1, "takes (request, call_next)", "(req, res, next)"),
    "def m(req, next, res): ...\nmiddleware = m": (1, "takes (req, next, res)", "the order (req, res, next)"),
    "def m(get_response): ...\nmiddleware = m": (1, "takes (get_response)", "written for Django"),
    "def m(app): ...\nmiddleware = [m]": (1, "takes (app)", "Write `from_wsgi(m)`"),
    "async def m(scope, receive, send): ...\nmiddleware = [m]": (1, "takes (scope,", "an ASGI application"),
    "def m(environ, start_response): ...\nmiddleware = [m]": (1, "takes (environ,", "return application`"),
    "middleware = None": (1, "None, which cannot be called", "Write a list of functions"),
    "middleware = ['m']": (1, "'m', which cannot be called", "Write the function itself, `m`"),
    "middleware = [[print]]": (1, "which cannot be called", "Write one list of functions"),
    "x = 1\nmiddleware = {'a': 1}": (2, "a dict, which cannot be called", "Write a list of functions"),
    APPLICATION + "middleware = [M]": (4, "the class `M`", "Write `from_wsgi(M)`"),
    APPLICATION + "middleware = [M(None)]": (4, "`M`, which takes (environ,", "Write `from_wsgi(M)`"),
    ASGI + "middleware = [M]": (4, "the class `M`", "written for ASGI"),
    STEP + "middleware = [M]": (4, "the class `M`", "Write `M()`"),
    STEP + "middleware = [M.m]": (3, "`M.m`, which takes (self, req, res, next)", "Write `M().m`"),
    "from werkzeug.middleware.proxy_fix import ProxyFix\nmiddleware = [ProxyFix]": (
        2,
        "the class `ProxyFix`",
        "Write `from_wsgi(ProxyFix)`",
    ),
    "class M: ...\nmiddleware = [M]": (2, "the class `M`", "Write a list of functions"),
}


@pytest.mark.parametrize("source", SHAPES)
def test_what_is_not_middleware_is_a_start_error(tmp_path: Path, source: str) -> None:
    line, message, remedy = SHAPES[source]
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": f"{source}\n{HELLO}"})
    assert (problem.file, problem.line) == ("pages/api/x.py", line)
    assert problem.message.startswith("`middleware` has ")
    assert message in problem.message
    assert remedy in problem.remedy


def test_a_coroutine_is_not_middleware(tmp_path: Path) -> None:
    source = "async def m(req, res, next): ...\nmade = m(1, 2, 3)\nmade.close()\nmiddleware = [made]\n"
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": source + HELLO})
    assert (problem.line, problem.remedy) == (4, "Write the function without `()`.")


@pytest.mark.parametrize(
    "source",
    [
        STEP + "middleware = [M()]",
        STEP + "middleware = M().m",
        "async def m(req, res, next): await next()\nmiddleware = [m]",
        "middleware = [lambda request, response, next: next()]",
        "middleware = [lambda a, b, c: c()]",
        "from functools import partial\ndef m(x, req, res, next): next()\nmiddleware = [partial(m, 1)]",
        "middleware = []",
    ],
)
def test_what_can_be_called_as_middleware_is(tmp_path: Path, source: str) -> None:
    assert call(App(project(tmp_path, {"pages/api/x.py": f"{source}\n{HELLO}"}))).status == 200


@pytest.mark.parametrize("file", ["pages/api/_middleware.py", "middleware.py"])
@pytest.mark.parametrize("source", ["middleware = []", "middleware: list = []", "middleware = ()"])
def test_a_file_of_middleware_that_has_none_is_a_start_error(tmp_path: Path, file: str, source: str) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": HELLO, file: f"\n{source}\n"})
    assert (problem.file, problem.line) == (file, 2)
    assert problem.message == "`middleware` is empty, so nothing runs."


def test_a_list_that_is_empty_in_some_cases_is_the_files_own_business(tmp_path: Path) -> None:
    files = {"pages/api/x.py": HELLO, "pages/api/_middleware.py": "middleware = [print] if False else []\n"}
    assert call(App(project(tmp_path, files))).status == 200


@pytest.mark.parametrize(
    ("arguments", "message", "remedy"),
    [
        ([1], "1 cannot be called", "Write a function"),
        ([lambda a, b: 1], "`<lambda>`, which takes (a, b)", "Write a function"),
        (print, "is not a list", "Write App(middleware=[print])."),
        (None, "None is not a list", "Write App(middleware=[...])."),
    ],
)
def test_wrong_middleware_of_an_app_is_a_start_error(
    tmp_path: Path, arguments: object, message: str, remedy: str
) -> None:
    project(tmp_path, {"pages/api/x.py": HELLO})
    (problem,) = problems_of(tmp_path, middleware=arguments)
    assert problem.file == "App(middleware=...)"
    assert message in problem.message
    assert remedy in problem.remedy
