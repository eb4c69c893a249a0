"""The project's middleware in `middleware.py`, and other files in its place; none is missing silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from apiroutes import App
from tests.irregular_files import broken_link, directory, pipe
from tests.start_reports import problems_of, warnings_of
from tests.support import HELLO, call, project

STOP = "def middleware(req, res, next):\n    res.status(401).send('stopped')\n"

MARK = "def {0}(req, res, next):\n    res.append_header('X-In', {0!r})\n    next()\n"


def marks(app: App) -> list[str]:
    answer = call(app)
    assert answer.status == 200
    return answer.all("X-In")


def test_the_projects_middleware_may_be_a_function(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": HELLO, "middleware.py": STOP}))
    assert [call(app, target=target).status for target in ("/api/x", "/api/none")] == [401, 401]


def test_the_projects_middleware_may_be_a_list(tmp_path: Path) -> None:
    source = MARK.format("a") + MARK.format("b") + "middleware = [a, b]\n"
    assert marks(App(project(tmp_path, {"pages/api/x.py": HELLO, "middleware.py": source}))) == ["a", "b"]


def test_the_file_runs_around_the_setting_and_that_around_the_argument(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.apiroutes]\nmiddleware = ['names_of_order:setting']\n",
        "names_of_order.py": MARK.format("setting"),
        "middleware.py": MARK.format("middleware"),
        "pages/_middleware.py": MARK.format("middleware").replace("'middleware'", "'directory'"),
        "pages/api/x.py": HELLO,
    }
    scope: dict[str, Callable[..., None]] = {}
    exec(MARK.format("argument"), scope)
    app = App(project(tmp_path, files), middleware=[scope["argument"]])
    assert marks(app) == ["middleware", "setting", "argument", "directory"]


def test_middleware_of_both_the_file_and_the_setting_runs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIROUTES_MIDDLEWARE", "middleware:middleware")
    files = {"middleware.py": MARK.format("middleware"), "pages/api/x.py": HELLO}
    assert marks(App(project(tmp_path, files))) == ["middleware"]


def test_the_file_reaches_the_project_and_is_imported_as_its_module(tmp_path: Path) -> None:
    source = "from .lib.guards import stop as middleware\n"
    guards = "def stop(req, res, next): res.status(401).send('')\n"
    files = {"middleware.py": source, "lib/guards.py": guards, "pages/api/x.py": HELLO}
    assert call(App(project(tmp_path, files))).status == 401


# the source of middleware.py, and the line, message and remedy of the problem
WRONG_FILES = {
    "": (None, "exports no `middleware`", "def middleware(req, res, next)"),
    "x = 1\nmiddlewares = []\n": (2, "`middlewares` never runs", "Did you mean `middleware`?"),
    MARK.format("auth"): (1, "`auth` never runs", "Write `middleware = [auth]`"),
    "middleware = 1\n": (1, "`middleware` has 1, which cannot be called", "def middleware(req, res, next)"),
    "\nimport nothing_of_this_name\n": (2, "No module named 'nothing_of_this_name'", "nothing is served"),
    "\ndef middleware(request): ...\n": (
        2,
        "`middleware` has `middleware`, which takes (request)",
        "def middleware(req, res, next)",
    ),
    STOP + "config = {'matcher': '/api/:path*'}\n": (3, "`config` has a matcher", "Put a _middleware.py"),
}


@pytest.mark.parametrize("source", WRONG_FILES)
def test_a_mistake_in_the_projects_middleware_is_a_start_error(tmp_path: Path, source: str) -> None:
    line, message, remedy = WRONG_FILES[source]
    (problem,) = problems_of(project(tmp_path, {"middleware.py": source, "pages/api/x.py": HELLO}))
    assert (problem.file, problem.line) == ("middleware.py", line)
    assert message in problem.message
    assert remedy in problem.remedy


def test_a_file_with_a_matcher_is_taken_for_the_projects_middleware(tmp_path: Path) -> None:
    source = "def proxy(request): ...\nconfig = {'matcher': '/api'}\n"
    problems = problems_of(project(tmp_path, {"middleware.py": source, "pages/api/x.py": HELLO}))
    assert [problem.line for problem in problems] == [2, None]
    assert "_middleware.py" in problems[0].remedy


def test_a_matcher_in_the_middleware_of_a_directory_is_a_start_error(tmp_path: Path) -> None:
    source = f"{STOP}config = {{'matcher': '/api'}}\n"
    (problem,) = problems_of(project(tmp_path, {"pages/_middleware.py": source, "pages/api/x.py": HELLO}))
    assert (problem.file, problem.line) == ("pages/_middleware.py", 3)


OTHER_MODULES = [
    "class Middleware:\n    def __init__(self, get_response): ...\n    def __call__(self, request): ...\n",
    "def simple(get_response): ...\n",
]


@pytest.mark.parametrize("source", OTHER_MODULES)
def test_a_module_that_is_clearly_something_else_gives_a_warning(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(project(tmp_path, {"middleware.py": source, "pages/api/x.py": HELLO}))
    assert call(app).status == 200
    (record,) = caplog.records
    assert record.getMessage().startswith("middleware.py exports no `middleware`")


@pytest.mark.parametrize("make", [broken_link, directory, pipe])
def test_anything_but_a_file_in_its_place_is_a_start_error(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(project(tmp_path, {"pages/api/x.py": HELLO}) / "middleware.py")
    (problem,) = problems_of(tmp_path)
    assert (problem.file, "not middleware" in problem.message) == ("middleware.py", True)


@pytest.mark.parametrize("name", ["Middleware.py", "middleware.PY", "_middleware.py"])
def test_a_file_with_almost_its_name_gives_a_warning(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, name: STOP}))
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{name} never runs")


def test_a_module_that_the_setting_uses_need_not_export_middleware(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(__import__("sys").modules, "middleware", raising=False)
    files = {"middleware.py": MARK.format("auth"), "pages/api/x.py": HELLO}
    monkeypatch.setenv("APIROUTES_MIDDLEWARE", "middleware:auth")
    assert marks(App(project(tmp_path, files))) == ["auth"]


# -- what a route declares -----------------------------------------------------------------------

PASS = "def middleware(req, res, next): return next()\n"


@pytest.mark.parametrize("file", ["middleware.py", "pages/_middleware.py", "pages/api/_middleware.py"])
@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("revalidate = 60", "revalidate"),
        ("revalidate = False", "revalidate"),
        ("dynamic = 'force-static'", "dynamic"),
        ("maxDuration = 5", "maxDuration"),
        ("max_duration = 5", "max_duration"),
        ("config = {'cache': {'revalidate': 60}}", "config.cache"),
        ("config = {'api': {'bodyParser': False}}", "config.api"),
        ("config = {'max_duration': 5}", "config.max_duration"),
        ("config = {'rateLimit': '5/minute'}", "config.rateLimit"),
        ("config = {'rate_limit': '5/minute'}", "config.rate_limit"),
        ("rateLimit = '5/minute'", "rateLimit"),
    ],
)
def test_what_only_a_route_declares_is_told_at_start(
    tmp_path: Path, file: str, source: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = {file: f"{PASS}{source}\n", "pages/api/x.py": HELLO}
    (warning,) = warnings_of(tmp_path, files, caplog)
    assert warning.startswith(f"{file}:2 `{name}` means nothing here.")
    assert "route" in warning.partition(". ")[2]


def test_it_is_told_beside_dependencies_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = (
        "from apiroutes import Depends\ndef d(): return 1\ndependencies = [Depends(d)]\nrevalidate = 60\n"
    )
    files = {"pages/api/_middleware.py": source, "pages/api/x.py": HELLO}
    (warning,) = warnings_of(tmp_path, files, caplog)
    assert warning.startswith("pages/api/_middleware.py:4 `revalidate` means nothing here.")


@pytest.mark.parametrize(
    "source",
    [
        "def revalidate(): ...",
        "from math import pi as revalidate",
        "revalidate = {'a': 60}",
        "revalidate = 'posts'",
        "dynamic = 'strict'",
        "_revalidate = 60",
        "config = {'limit': 5}",
        "config = ['cache']",
        "class config: cache = 5",
    ],
)
def test_names_of_the_middlewares_own_are_right(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"pages/api/_middleware.py": f"{PASS}{source}\n", "pages/api/x.py": HELLO}
    assert warnings_of(tmp_path, files, caplog) == []
