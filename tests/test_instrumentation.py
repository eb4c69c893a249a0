"""instrumentation.py: when it is imported, what it exports, and what is said of mistakes in it."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from apiroutes import App, ProjectError
from tests.support import HELLO, call, project


def problem_of(root: Path, source: str) -> tuple[str, int | None, str, str]:
    """Return the file, the line, the message and the remedy of the only mistake."""
    with pytest.raises(ProjectError) as raised:
        App(project(root, {"pages/api/x.py": HELLO, "instrumentation.py": source}))
    (problem,) = raised.value.problems
    return problem.file, problem.line, problem.message, problem.remedy


MISTAKES = {
    "register = 3": (1, "`register` is 3"),
    "class register: pass": (1, "the class `register`"),
    "\ndef register(app): pass": (2, "`register(app)`"),
    "async def register(app, *, other): yield": (1, "without arguments"),
    "import contextlib\n@contextlib.contextmanager\ndef register(): yield": (3, "context manager"),
    "import contextlib\n@contextlib.asynccontextmanager\nasync def register(): yield": (3, "context manager"),
    "def Register(): pass": (1, "`Register` is never used"),
    "def lifespan(app): yield": (1, "`lifespan` is never used"),
    "async def startup(): pass": (1, "`startup` is never used"),
    "def on_startup(): pass": (1, "`on_startup` is never used"),
    "def shutdown(): pass": (1, "`shutdown` is never used"),
    "def onRequestError(error, request, context): pass": (1, "`onRequestError` is never used"),
    "def on_request_error(): pass": (1, "three arguments"),
    "def on_request_error(error, request): pass": (1, "three arguments"),
    "on_request_error = 'x'": (1, "three arguments"),
    "checks = []": (1, "`checks` is []"),
    "checks = {'a': print,\n 'b': 3}": (2, "'b'"),
    "def ping(database): pass\nchecks = {'db': ping}": (2, "`ping(database)`"),
    "checks = {3: print}": (1, "must be a non-empty str, not 3"),
    "Checks = {'db': print}": (1, "`Checks` is never used"),
    "check = {'db': print}": (1, "`check` is never used"),
    "def register(): pass\nHealth_Checks = {'db': print}": (2, "`Health_Checks` is never used"),
    "health = {'db': print}": (1, "`health` is never used"),
    "chekcs = {'db': print}": (1, "`chekcs` is never used"),
    "def regsiter(): pass": (1, "`regsiter` is never used"),
    "def onStartup(): pass": (1, "`onStartup` is never used"),
    "def on_request_errors(*arguments): pass": (1, "`on_request_errors` is never used"),
    "def register(): pass\ndef on_exception(*arguments): pass": (2, "`on_exception` is never used"),
    "import nowhere": (1, "ModuleNotFoundError"),
    "def register(:": (1, "SyntaxError"),
    "raise SystemExit": (1, "SystemExit"),
}


@pytest.mark.parametrize("source", MISTAKES)
def test_a_mistake_is_reported_with_its_line_and_a_remedy(tmp_path: Path, source: str) -> None:
    file, line, message, remedy = problem_of(tmp_path, source)
    assert (file, line) == ("instrumentation.py", MISTAKES[source][0])
    assert MISTAKES[source][1] in message
    assert remedy


FINE = [
    "",
    "def register(): pass",
    "def register(seconds=3): pass",
    "register = None\ndef on_request_error(error, request, context): pass",
    "async def on_request_error(*arguments): pass",
    "def register(): yield\ndef shutdown(): pass\ndef lifespan(): pass",
    "from functools import partial\nregister = partial(print, 'x')",
    "from logging import shutdown\ndef register(): pass",
    "checks = {}",
    "check = {'a': 1}",
    "def check(): pass\nchecks = {'database': check}",
    "def _check(): pass\n_registr = print\nregistry = {}",
    "checks = {'database': lambda: None}",
]


@pytest.mark.parametrize("source", FINE)
def test_these_are_no_mistakes(tmp_path: Path, source: str) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, "instrumentation.py": source}))


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    files = {"pages/api/x.py": "def gett(): pass", "instrumentation.py": "register = 3\nchecks = 3\n"}
    with pytest.raises(ProjectError) as raised:
        App(project(tmp_path, files))
    assert len(raised.value.problems) == 3


def test_it_is_imported_before_middleware_and_routes(tmp_path: Path) -> None:
    order = "import builtins as b\nb.imported = [*getattr(b, 'imported', []), {!r}]\n"
    files = {
        "pages/api/x.py": order.format("route") + "seen = vars(b).pop('imported')\ndef GET(): return seen\n",
        "middleware.py": order.format("middleware") + "def middleware(req, res, next): next()\n",
        "instrumentation.py": order.format("instrumentation"),
    }
    assert call(App(project(tmp_path, files))).json() == ["instrumentation", "middleware", "route"]


@pytest.mark.parametrize("module", ["instrumentation", "...instrumentation"])
def test_a_route_that_imports_it_finds_the_same_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """What `register` keeps in a global variable is there, however a route imports it."""
    monkeypatch.delitem(sys.modules, "instrumentation", raising=False)
    files = {
        "pages/api/x.py": f"from {module} import value\ndef GET(req): return value is req.app['value']\n",
        "instrumentation.py": "value = object()\ndef register(): return {'value': value}\n",
    }
    assert call(App(project(tmp_path, files))).json() is True


def test_it_may_import_files_of_the_project(tmp_path: Path) -> None:
    files = {
        "pages/api/x.py": "def GET(req): return dict(req.app)\n",
        "lib/made.py": "made = {'a': 1}\n",
        "instrumentation.py": "from .lib.made import made\ndef register(): return made\n",
    }
    assert call(App(project(tmp_path, files))).json() == {"a": 1}


def test_building_an_app_does_not_run_register(tmp_path: Path) -> None:
    files = {"pages/api/x.py": HELLO, "instrumentation.py": "def register(): raise SystemExit\n"}
    app = App(project(tmp_path, files))
    assert app.openapi()["paths"]


OTHERS = {
    "src/instrumentation.py": "src/instrumentation.py is never imported",
    "instrumentation.ts": "instrumentation.ts is never run",
    "src/instrumentation.ts": "src/instrumentation.ts is never run",
    "Instrumentation.py": "Instrumentation.py is never imported",
}


@pytest.mark.parametrize("file", OTHERS)
def test_a_file_that_looks_like_it_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, file: "def register(): pass\n"}))
    assert [OTHERS[file] in record.getMessage() for record in caplog.records] == [True]


def test_the_file_of_a_nextjs_project_beside_it_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, "instrumentation.ts": "", "package.json": "{}"}))
    assert caplog.records == []


def test_a_file_that_exports_nothing_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    App(project(tmp_path, {"pages/api/x.py": HELLO, "instrumentation.py": "x = 1\n"}))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_directory_of_its_name_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "instrumentation.py").mkdir()
    with pytest.raises(ProjectError, match=r"instrumentation\.py\n  is not a readable file"):
        App(project(tmp_path, {"pages/api/x.py": HELLO}))
