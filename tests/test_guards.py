"""The project's `middleware.py` and the calling of middleware: none is ever missing silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from apiroutes import App, Problem, ProjectError
from tests.directory_entries import broken_link, directory, pipe
from tests.support import HELLO, call, project


def problems_of(root: Path) -> tuple[Problem, ...]:
    with pytest.raises(ProjectError) as caught:
        App(root)
    return caught.value.problems


# -- middleware.py at the root -----------------------------------------------------------------

STOP = "def middleware(req, res, next):\n    res.status(401).send('stopped')\n"
MARK = "def {0}(req, res, next):\n    res.append_header('X-In', {0!r})\n    next()\n"


def marks(app: App) -> list[str]:
    answer = call(app)
    assert answer.status == 200
    return answer.all("X-In")


def test_the_projects_middleware_is_its_function(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": HELLO, "middleware.py": STOP}))
    assert [call(app, target=target).status for target in ("/api/x", "/api/none")] == [401, 401]


def test_the_projects_middleware_is_its_list(tmp_path: Path) -> None:
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


def test_middleware_that_the_file_and_the_setting_name_runs_once(
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


# source of middleware.py: the line, what the message and the remedy say
WRONG_FILES = {
    "": (None, "exports no `middleware`", "def middleware(req, res, next)"),
    "x = 1\nmiddlewares = []\n": (2, "`middlewares` runs around no request", "Did you mean `middleware`?"),
    MARK.format("auth"): (None, "exports no `middleware`", "def middleware(req, res, next)"),
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


def test_a_file_with_a_matcher_is_meant_to_be_the_projects_middleware(tmp_path: Path) -> None:
    source = "def proxy(request): ...\nconfig = {'matcher': '/api'}\n"
    problems = problems_of(project(tmp_path, {"middleware.py": source, "pages/api/x.py": HELLO}))
    assert [problem.line for problem in problems] == [2, None]
    assert "_middleware.py" in problems[0].remedy


def test_a_matcher_in_the_middleware_of_a_directory_is_a_start_error(tmp_path: Path) -> None:
    source = f"{STOP}config = {{'matcher': '/api'}}\n"
    (problem,) = problems_of(project(tmp_path, {"pages/_middleware.py": source, "pages/api/x.py": HELLO}))
    assert (problem.file, problem.line) == ("pages/_middleware.py", 3)


ANOTHER = [
    "class Middleware:\n    def __init__(self, get_response): ...\n    def __call__(self, request): ...\n",
    "def simple(get_response): ...\n",
]


@pytest.mark.parametrize("source", ANOTHER)
def test_a_middleware_module_of_another_framework_is_only_warned_of(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(project(tmp_path, {"middleware.py": source, "pages/api/x.py": HELLO}))
    assert call(app).status == 200
    (record,) = caplog.records
    assert record.getMessage().startswith("middleware.py exports no `middleware`")


@pytest.mark.parametrize("make", [broken_link, directory, pipe])
def test_project_middleware_that_is_not_a_file_stops_the_start(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(project(tmp_path, {"pages/api/x.py": HELLO}) / "middleware.py")
    (problem,) = problems_of(tmp_path)
    assert (problem.file, "not middleware" in problem.message) == ("middleware.py", True)


@pytest.mark.parametrize("name", ["Middleware.py", "middleware.PY", "_middleware.py"])
def test_a_file_with_almost_its_name_is_warned_of(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, name: STOP}))
    (record,) = caplog.records
    assert record.getMessage().startswith(f"{name} runs around no route")


def test_a_module_that_the_setting_takes_functions_from_may_be_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delitem(__import__("sys").modules, "middleware", raising=False)
    files = {"middleware.py": MARK.format("auth"), "pages/api/x.py": HELLO}
    monkeypatch.setenv("APIROUTES_MIDDLEWARE", "middleware:auth")
    assert marks(App(project(tmp_path, files))) == ["auth"]


# -- how middleware is called ------------------------------------------------------------------

TWO = "def two(req, res): ...\n"
# files: the file and line that are named
WRONG_SIGNATURES = [
    ({"pages/api/_middleware.py": "\ndef middleware(req, res): ...\n"}, "pages/api/_middleware.py", 2),
    ({"pages/api/x.py": HELLO + "\n" + TWO + "middleware = [two]\n"}, "pages/api/x.py", 4),
    ({"pages/api/x.py": HELLO + "middleware = [lambda: 1]\n"}, "pages/api/x.py", 3),
    ({"pages/api/x.py": HELLO + "from ._h import two\nmiddleware = two\n", "pages/api/_h.py": TWO}, None, 4),
    ({"pages/api/x.py": "from apiroutes import use\n" + TWO + "@use(two)\ndef GET(): ...\n"}, None, 3),
    ({"pages/api/x.py": HELLO + "def keyword(req, res, *, next): ...\nmiddleware = keyword\n"}, None, 3),
    ({"pages/api/x.py": HELLO + "async def four(a, b, c, d): ...\nmiddleware = four\n"}, None, 3),
    (
        {"pages/api/x.py": HELLO + "class C:\n    def __call__(self, req): ...\nmiddleware = C()\n"},
        "pages/api/x.py",
        5,
    ),
]


@pytest.mark.parametrize(("files", "file", "line"), WRONG_SIGNATURES)
def test_middleware_that_takes_something_else_is_a_start_error(
    tmp_path: Path, files: dict[str, str], file: str | None, line: int
) -> None:
    (problem,) = problems_of(project(tmp_path, {"pages/api/x.py": HELLO, **files}))
    assert (problem.file, problem.line) == (file or "pages/api/x.py", line)
    assert "which takes (" in problem.message


RIGHT_SIGNATURES = [
    "def middleware(req, res, next): next()\n",
    "def middleware(*args): args[2]()\n",
    "def middleware(req, res, next, more=1): next()\n",
    "async def middleware(req, res, next): await next()\n",
    "class C:\n    def __call__(self, req, res, next): next()\nmiddleware = C()\n",
    "import functools\ndef f(n, req, res, next): next()\nmiddleware = functools.partial(f, 1)\n",
    "import functools\ndef two(a, b): ...\n@functools.wraps(two)\ndef middleware(*a): a[2]()\n",
]


@pytest.mark.parametrize("source", RIGHT_SIGNATURES)
def test_any_callable_of_three_arguments_is_middleware(tmp_path: Path, source: str) -> None:
    files = {"pages/api/x.py": HELLO, "pages/api/_middleware.py": source}
    assert call(App(project(tmp_path, files))).status == 200


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("json:dumpz", "'json:dumpz' cannot be imported: AttributeError"),
        ("nothing_of_this_name:f", "cannot be imported: ModuleNotFoundError"),
        ("json:JSONDecodeError.x", "is not of the form"),
        ("math:pi", "'math:pi' is 3.14"),
        ("os.path:isdir", "'os.path:isdir' is `isdir`, which takes (s)"),
    ],
)
@pytest.mark.parametrize("place", ["pyproject.toml", "environment"])
def test_a_wrong_name_of_middleware_is_reported_with_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, name: str, message: str
) -> None:
    files = {"pages/api/x.py": HELLO}
    if place == "environment":
        monkeypatch.setenv("APIROUTES_MIDDLEWARE", name)
    else:
        files["pyproject.toml"] = f'[tool.apiroutes]\nmiddleware = ["{name}"]\n'
    (problem,) = problems_of(project(tmp_path, files))
    assert problem.file == place
    assert message in problem.message
    assert "package.module:function" in problem.remedy or "is not of the form" in message
