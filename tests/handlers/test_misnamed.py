"""Names that are almost right: each is a start error that says what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.start_reports import problems_of, warnings_of
from tests.support import call, project

FILE = "pages/api/x.py"

GET = "def GET(): return 1\n"

# the source of pages/api/x.py, and the line, message and remedy of the problem
MISNAMED = [
    ("def Delete(): ...\n", 1, "`Delete` never answers a request", "Call it `DELETE`"),
    (GET + "\ndef Delete(): ...\n", 3, "`Delete` never answers a request", "Call it `DELETE`"),
    (GET + "async def pAtch(): ...\n", 2, "`pAtch` never answers a request", "`_patch` if it is a helper"),
    (GET + "def DELTE(): ...\n", 2, "`DELTE` never answers a request", "Did you mean `DELETE`?"),
    (GET + "def TRACE(): ...\n", 2, "`TRACE` never answers a request", "`handler`"),
    ("x = 1\ndef handlr(req, res): ...\n", 2, "`handlr` never answers a request", "`def handler(req, res)"),
    ("def hander(req, res): ...\n", 1, "`hander` never answers a request", "Did you mean `def handler("),
    ("async def handle(req, res): ...\n", 1, "`handle` never answers a request", "`def handler("),
    ("def Handler(req, res): ...\n", 1, "`Handler` never answers a request", "`def handler("),
    ("class Handler: ...\n", 1, "`Handler` is a class, which never answers", "`def handler("),
    ("def gett(): ...\n", 1, "`gett` never answers a request", "`def GET("),
    ("def default(req, res): ...\n", 1, "`default` never answers a request", "Call it `handler`"),
    ("def main(): ...\n", 1, "`main` never answers a request", "Call it `handler`"),
    ("from flask import Flask\napp = Flask('x')\n", 2, "`app` is a Flask", "return app`"),
    ("from flask import Flask\nserver = Flask('x')\n", 2, "`server` is a Flask", "return server`"),
    (
        "def application(environ, start_response): ...\n",
        1,
        "`application` is a function",
        "return application",
    ),
    (
        "class Asgi:\n    async def __call__(self, scope, receive, send): ...\napp = Asgi()\n",
        3,
        "`app` is an Asgi",
        "`def handler(req, res): return app`",
    ),
    (
        "from apiroutes import file_route\nAPIRoute = file_route('/api/x', handlers={'GET': print})\n",
        2,
        "`APIRoute` is a file_route",
        "Call it `Route`",
    ),
    (
        GET + "middlewares = [print]\n",
        2,
        "`middlewares` never runs",
        "Did you mean `middleware`?",
    ),
    (GET + "def Middleware(a, b, c): ...\n", 2, "`Middleware` never runs", "Did you mean"),
    (GET + "dependancies = [print]\n", 2, "`dependancies` never runs", "Did you mean `dependencies`?"),
    (
        f"from apiroutes import Depends\n{GET}dependency = [Depends(print)]\n",
        3,
        "`dependency` never runs",
        "Did you mean `dependencies`?",
    ),
    (f"from apiroutes import Depends\n{GET}depends = Depends(print)\n", 3, "`depends` never", "Did you mean"),
    (GET + "middelware = [print]\n", 2, "`middelware` never runs", "Did you mean"),
]


@pytest.mark.parametrize(("source", "line", "message", "remedy"), MISNAMED)
def test_a_name_that_is_almost_right_is_a_start_error(
    tmp_path: Path, source: str, line: int, message: str, remedy: str
) -> None:
    (problem,) = problems_of(tmp_path, {FILE: source})
    assert (problem.file, problem.line) == (FILE, line)
    assert message in problem.message
    assert remedy in problem.remedy


OWN_BUSINESS = [
    GET + "def dependency(): ...\n",
    GET + "dependency = [print]\n",
    GET + "dependents = {}\n",
    "import builtins as depends\n" + GET,
    "def handler(req, res): res.json(1)\ndef Delete(): ...\ndef TRACE(): ...\n",
    GET + "def get(): ...\n",
    GET + "def handle(): ...\ndef main(): ...\n",
    GET + "def SQL(): ...\ndef QUERY_OF(): ...\n",
    GET + "from operator import length_hint as Delete\n",
    GET + "from apiroutes.types import Middleware\n",
    GET + "from collections.abc import Callable\nMiddleware = Callable[[object], None]\n",
    GET + "class Middleware: ...\n",
    GET + "_middlewares = [print]\n",
    GET + "def no(a, b, c): c()\nmiddlewares = [no]\nmiddleware = [*middlewares]\n",
    "from apiroutes import use\ndef no(a, b, c): c()\nmiddlewares = [no]\n@use(*middlewares)\n" + GET,
    "from flask import Flask\napp = Flask('x')\n" + GET,
    "from apiroutes import file_route as f\ndef get(): return 1\nRoute = f('/x', handlers={'GET': get})\n",
]


@pytest.mark.parametrize("source", OWN_BUSINESS)
def test_names_that_only_look_like_it_are_the_modules_own_business(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    assert call(App(project(tmp_path, {FILE: source}))).json() == 1
    assert not caplog.records


# -- constants -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name", "meant"),
    [
        ("REVALIDATE = 60", "REVALIDATE", "revalidate"),
        ("Revalidate = False", "Revalidate", "revalidate"),
        ("revalidat = 0.5", "revalidat", "revalidate"),
        ("revalidates: int = 60", "revalidates", "revalidate"),
        ("revaldiate = 60", "revaldiate", "revalidate"),
        ("DYNAMIC = 'force-static'", "DYNAMIC", "dynamic"),
        ("dynamics = 'error'", "dynamics", "dynamic"),
        ("dynmic = 'force-dynamic'", "dynmic", "dynamic"),
    ],
)
def test_a_constant_that_is_almost_one_of_the_cache_is_told(
    tmp_path: Path, source: str, name: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    (warning,) = warnings_of(tmp_path, {FILE: f"{GET}{source}\n"}, caplog)
    assert warning.startswith(f"{FILE}:2 `{name}` means nothing here. Did you mean `{meant}`?")
    assert f"`_{name}`" in warning


@pytest.mark.parametrize(
    "source",
    [
        "REVALIDATE = 'posts'",
        "REVALIDATE = True",
        "REVALIDATE = -1",
        "REVALIDATE = [60]",
        "DYNAMIC = 'fast'",
        "DYNAMIC = 60",
        "_REVALIDATE = 60",
        "validate = False",
        "revision = 60",
        "dynamo = 'error'",
        "from math import e as REVALIDATE",
        "def revalidat(): ...",
        "REVALIDATE = 60; revalidate = 60",
        "REVALIDATE = 60; revalidate = REVALIDATE",
        "REVALIDATE = 60; config = {'cache': {'revalidate': REVALIDATE}}",
        "revalidated = False\ndef POST():\n    global revalidated\n    return revalidated",
        "REVALIDATE = 60\ndef POST(): return [REVALIDATE for _ in range(2)]",
        "REVALIDATE = 60; __all__ = ['REVALIDATE']",
    ],
)
def test_a_constant_of_the_modules_own_is_right(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert warnings_of(tmp_path, {FILE: f"{GET}{source}\n"}, caplog) == []
