"""What is almost a route, a handler, a middleware or a setting: a message says that it is none."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import App, Problem, ProjectError
from apiroutes.cli import main
from tests.support import HELLO, call, project

FILE = "pages/api/x.py"


def problems_of(root: Path, files: dict[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(ProjectError) as caught:
        App(project(root, files))
    return caught.value.problems


def warnings_of(root: Path, files: dict[str, str], caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the start warns of; `check` shows the same, and once."""
    App(project(root, files))
    assert {(record.name, record.levelno) for record in caplog.records} <= {("apiroutes", logging.WARNING)}
    said = [record.getMessage() for record in caplog.records]
    done = CliRunner().invoke(main, ["check", "--root", str(root)])
    assert done.exit_code == 0
    assert re.findall("^Warning: (.*)$", done.output, re.MULTILINE) == said
    return said


# -- files -------------------------------------------------------------------------------------

# a convention's route, and files beside it that are none because of their extension
UNLIKE = {
    "pages": (FILE, ["pages/api/b.ts", "pages/api/c.pyx", "pages/api/d.Py", "pages/api/sub/e.js"]),
    "pages, api itself": (FILE, ["pages/api.ts"]),
    "app": ("app/api/x/route.py", ["app/api/ROUTE.PY", "app/api/a/route.ts", "app/b/Route.py"]),
    "tanstack": ("routes/api/x.py", ["routes/api.b.ts", "routes/api/$id.tsx"]),
}


@pytest.mark.parametrize("convention", UNLIKE)
def test_files_with_another_extension_are_listed_in_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, convention: str
) -> None:
    route, files = UNLIKE[convention]
    (said,) = warnings_of(tmp_path, {route: HELLO, **dict.fromkeys(files, "")}, caplog)
    assert all(said.count(file) == 1 for file in files)
    assert "no route" in said
    assert ".py" in said


@pytest.mark.parametrize("convention", UNLIKE)
def test_where_nothing_else_is_they_stop_the_start(tmp_path: Path, convention: str) -> None:
    _, files = UNLIKE[convention]
    (problem,) = problems_of(tmp_path, dict.fromkeys(files, ""))
    assert "no route" in problem.message
    assert all(file in problem.message for file in files)
    assert CliRunner().invoke(main, ["check", "--root", str(tmp_path)]).exit_code == 1


def test_a_file_of_app_with_another_name_is_said_where_there_is_no_route(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, {"app/api/users.py": HELLO})
    assert "app/api/users.py" in problem.message
    assert "app/api/users/route.py" in problem.remedy


SILENT = [
    ({FILE: HELLO, "pages/api/x.pyi": ""}, {}),
    ({FILE: HELLO, "pages/api/_b.ts": "", "pages/api/_d/e.ts": ""}, {}),
    ({FILE: HELLO, "pages/index.tsx": "", "pages/apis/b.ts": ""}, {}),
    ({FILE: HELLO, "app/page.tsx": "", "app/api/x/helper.ts": "", "app/main.py": ""}, {}),
    ({"routes/api/x.py": HELLO, "routes/api/-b.ts": "", "routes/about.tsx": ""}, {}),
    ({"pages/api/x.api.py": HELLO, "pages/api/helper.py": ""}, {"page_extensions": ["api.py"]}),
    ({FILE: HELLO, "pages/api/x.py~": ""}, {}),
]


@pytest.mark.parametrize(("files", "settings"), SILENT)
def test_what_nobody_takes_for_a_route_is_not_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, files: dict[str, str], settings: dict[str, Any]
) -> None:
    App(project(tmp_path, files), **settings)
    assert not caplog.records


# -- handlers ----------------------------------------------------------------------------------

GET = "def GET(): return 1\n"

# source of pages/api/x.py: the line, what the message and the remedy say
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
        "`app` is a Asgi",
        "ASGI",
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
def test_what_only_looks_like_it_is_the_modules_own_business(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    assert call(App(project(tmp_path, {FILE: source}))).json() == 1
    assert not caplog.records


# a file that cannot be loaded: how it is to be hidden in its convention
HIDDEN = [
    ("pages/api/x.py", "begin the file's name with '_'"),
    ("app/api/x/route.py", "any name but route.py"),
    ("routes/api/x.py", "begin the file's name with '-'"),
]


@pytest.mark.parametrize("source", ["", "import nothing_of_this_name", "def main(): ..."])
@pytest.mark.parametrize(("file", "remedy"), HIDDEN)
def test_a_remedy_is_that_of_the_convention(tmp_path: Path, file: str, remedy: str, source: str) -> None:
    (problem,) = problems_of(tmp_path, {file: source})
    assert remedy in problem.remedy


@pytest.mark.parametrize("file", ["pages/api/_middleware.py", "pages/api/__init__.py"])
def test_what_has_a_private_name_already_gets_another_remedy(tmp_path: Path, file: str) -> None:
    (problem,) = problems_of(tmp_path, {FILE: HELLO, file: "import nothing_of_this_name"})
    assert problem.file == file
    assert problem.remedy.startswith("Correct it")
    assert "begin the file's name" not in problem.remedy


# -- the App Router's exports ------------------------------------------------------------------

ROUTE = "app/api/x/route.py"


@pytest.mark.parametrize("file", [FILE, ROUTE])
@pytest.mark.parametrize(
    ("source", "seconds"),
    [
        ("maxDuration = 5\n", 5),
        ("max_duration = 0.5\n", 0.5),
        ("maxDuration: int = 5\n", 5),
        ("maxDuration = 5\nconfig = {'maxDuration': 5}\n", 5),
        ("if True:\n    maxDuration = 5\n", 5),
    ],
)
def test_a_duration_is_read_from_the_module(tmp_path: Path, file: str, source: str, seconds: float) -> None:
    (served,) = App(project(tmp_path, {file: source + GET})).resources.values()
    assert served.module is not None
    assert served.module.config.max_duration == seconds


def test_a_duration_of_the_module_is_enforced(tmp_path: Path) -> None:
    source = "import asyncio\nmaxDuration = 0.05\nasync def GET(): await asyncio.sleep(30)\n"
    assert call(App(project(tmp_path, {ROUTE: source}))).status == 504


# what a module sets of caching: what is kept of it
CACHING = [
    ("revalidate = 60", {"revalidate": 60}),
    ("revalidate = 0", {"revalidate": 0}),
    ("revalidate = 0.5", {"revalidate": 0.5}),
    ("revalidate = False", {"revalidate": False}),
    *(
        (f"dynamic = {name!r}", {"dynamic": name})
        for name in ("auto", "error", "force-static", "force-dynamic")
    ),
]


@pytest.mark.parametrize(("source", "kept"), CACHING)
def test_what_a_module_says_of_caching_is_kept(tmp_path: Path, source: str, kept: dict[str, object]) -> None:
    (served,) = App(project(tmp_path, {ROUTE: GET + source})).resources.values()
    assert served.module is not None
    assert {name: getattr(served.module.config, name) for name in kept} == kept


WRONG_EXPORTS = [
    ("maxDuration = 0", "`maxDuration` is 0", "above zero"),
    ("maxDuration = '5'", "`maxDuration` is '5'", "above zero"),
    ("maxDuration = True", "`maxDuration` is True", "above zero"),
    ("maxDuration = [5]", "`maxDuration` is [5]", "above zero"),
    ("max_duration = -1", "`max_duration` is -1", "above zero"),
    ("maxDuration = max_duration = 5", "'maxDuration' in two spellings", "Keep one"),
    ("maxDuration = 5; config = {'maxDuration': 6}", "config.maxDuration is 6", "Keep one"),
    ("revalidate = -1", "`revalidate` is -1", "seconds from 0, or False"),
    ("revalidate = True", "`revalidate` is True", "seconds from 0, or False"),
    ("revalidate = None", "`revalidate` is None", "seconds from 0, or False"),
    ("revalidate = 'hourly'", "`revalidate` is 'hourly'", "`_revalidate` if the name is your own"),
    ("revalidate = float('nan')", "`revalidate` is nan", "seconds from 0, or False"),
    ("dynamic = 'force-statik'", "`dynamic` is 'force-statik'", "Did you mean 'force-static'"),
    ("dynamic = True", "`dynamic` is True", "'force-dynamic'"),
]


@pytest.mark.parametrize("file", [FILE, ROUTE])
@pytest.mark.parametrize(("source", "message", "remedy"), WRONG_EXPORTS)
def test_a_wrong_value_is_a_start_error(
    tmp_path: Path, file: str, source: str, message: str, remedy: str
) -> None:
    (problem,) = problems_of(tmp_path, {file: GET + source})
    assert (problem.file, problem.line) == (file, 2)
    assert message in problem.message
    assert remedy in problem.remedy


MEANINGLESS = [
    ("runtime", "'edge'"),
    ("preferredRegion", "['iad1', 'fra1']"),
    ("preferred_region", "'auto'"),
    ("fetchCache", "'only-cache'"),
    ("fetch_cache", "'auto'"),
    ("dynamicParams", "False"),
    ("dynamic_params", "True"),
]


@pytest.mark.parametrize(("name", "value"), MEANINGLESS)
def test_what_means_nothing_here_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    source = f"{GET}{name} = {value}\n"
    (said,) = warnings_of(tmp_path, {ROUTE: source, "pages/api/y.py": source}, caplog)
    assert f"{ROUTE}:2" in said
    assert "pages/api/y.py:2" in said
    assert "means nothing here" in said


@pytest.mark.parametrize("source", ["revalidate = 60", "revalidate = False", "dynamic = 'force-static'"])
def test_what_has_no_effect_yet_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    (said,) = warnings_of(tmp_path, {ROUTE: GET + source}, caplog)
    assert said.startswith(f"{ROUTE}:2 `{source.partition(' ')[0]}` has no effect yet")


QUIET = [
    "revalidate = 0",
    "dynamic = 'auto'",
    "dynamic = 'force-dynamic'",
    "maxDuration = 5",
    "def revalidate(): ...",
    "class dynamic: ...",
    "import time as runtime",
    "from math import pi as revalidate, e as maxDuration",
    "from string import digits as dynamic, ascii_letters as fetchCache",
    "fetch_cache = {}",
    "runtime = 1.5",
    "dynamic = {'a': 1}",
    "dynamic_params = ['id']",
    "revalidate = print",
    "def f():\n    runtime = 'edge'",
    "_revalidate = 'mine'",
]


@pytest.mark.parametrize("source", QUIET)
def test_a_name_of_the_modules_own_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    (served,) = App(project(tmp_path, {ROUTE: GET + source})).resources.values()
    assert served.module is not None
    assert served.module.config.revalidate in (None, 0)
    assert not caplog.records
