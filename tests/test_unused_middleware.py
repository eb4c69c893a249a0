"""Files that seem to be meant as the project's middleware, but never run: no guard is missing silently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.start_reports import problems_of, warnings_of
from tests.support import HELLO, call, project

STOP = "def {0}(req, res, next):\n    res.status(401).send('stopped')\n"
MATCHER = "config = {'matcher': '/api/:path*'}\n"
RUNS = "def middleware(req, res, next): next()\n"

# files beside the route, and the file, line and message of the problem
GUARDS = {
    "as Next.js calls it": ({"proxy.py": "\ndef proxy(request): ...\n" + MATCHER}, 2, "`proxy` never runs"),
    "async": ({"proxy.py": "async def proxy(request, event): ...\n"}, 1, "`proxy` never runs"),
    "middleware": ({"proxy.py": STOP.format("middleware")}, 1, "`middleware` never runs"),
    "a list": ({"proxy.py": "middleware = []\n"}, 1, "`middleware` never runs"),
    "imported": (
        {"proxy.py": "from lib.guards import stop as proxy\n", "lib/guards.py": STOP.format("stop")},
        1,
        "`proxy` never runs",
    ),
    "a matcher alone": (
        {"proxy.py": "def default(request): ...\n" + MATCHER},
        2,
        "What `config` has a matcher for never runs",
    ),
    "a matcher beside the middleware": (
        {"proxy.py": "def proxy(request): ...\n" + MATCHER, "middleware.py": RUNS},
        1,
        "`proxy` never runs",
    ),
    "another name": ({"middlewares.py": RUNS}, 1, "`middleware` never runs"),
    "among the helpers of app/": ({"app/api/admin/middleware.py": RUNS}, 1, "`middleware` never runs"),
    "a proxy among the helpers of app/": (
        {"app/api/proxy.py": "def proxy(r): ...\n"},
        1,
        "`proxy` never runs",
    ),
}


@pytest.mark.parametrize("case", GUARDS)
def test_a_guard_in_a_file_that_nothing_runs_is_a_start_error(tmp_path: Path, case: str) -> None:
    files, line, message = GUARDS[case]
    (problem,) = problems_of(project(tmp_path, {"pages/api/x.py": HELLO, **files}))
    assert (problem.file, problem.line) == (next(iter(files)), line)
    assert message in problem.message


REMEDIES = {
    "proxy.py": "Write `def middleware(req, res, next): ...` in middleware.py",
    "app/api/proxy.py": "Write `def middleware(req, res, next): ...` in app/api/_middleware.py",
}


@pytest.mark.parametrize("file", REMEDIES)
def test_the_remedy_names_the_file_that_runs(tmp_path: Path, file: str) -> None:
    source = "def proxy(request): ...\n"
    (problem,) = problems_of(project(tmp_path, {"pages/api/x.py": HELLO, file: source}))
    assert REMEDIES[file] in problem.remedy


# files beside the route, with a start that has nothing to say
FINE = {
    "a helper that a route imports": {
        "pages/api/x.py": "from ...proxy import proxy\ndef GET(): return proxy(1)\n",
        "proxy.py": "def proxy(request): return request\n",
    },
    "a helper by its absolute name": {
        "pages/api/x.py": "from proxy import proxy\ndef GET(): return proxy(1)\n",
        "proxy.py": "def proxy(request): return request\n",
    },
    "a helper that the setting names": {
        "pyproject.toml": "[tool.apiroutes]\nmiddleware = ['proxy:proxy']\n",
        "proxy.py": STOP.format("proxy"),
    },
    "a helper that middleware.py imports": {
        "middleware.py": "from .proxy import proxy as middleware\n",
        "proxy.py": STOP.format("proxy"),
    },
    "a helper beside middleware.py": {"middleware.py": RUNS, "proxy.py": "def proxy(request): ...\n"},
    "another module": {"proxy.py": "import socket\ndef connect(host): ...\n"},
    "a file that cannot be parsed": {"proxy.py": "def proxy(:\n"},
    "a file that is private to app/": {"app/api/_lib/proxy.py": "def proxy(request): ...\n"},
    "a route": {"pages/api/proxy.py": HELLO},
}


@pytest.mark.parametrize("case", FINE)
def test_these_are_no_mistakes(tmp_path: Path, case: str, caplog: pytest.LogCaptureFixture) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": HELLO, **FINE[case]}))
    assert caplog.records == []
    assert call(app, target="/api/none").status in (401, 404)


NEXT_FILES = [
    "middleware.ts",
    "middleware.js",
    "middleware.mjs",
    "proxy.ts",
    "proxy.js",
    "proxy.mjs",
    "src/middleware.ts",
    "src/proxy.ts",
]


@pytest.mark.parametrize("file", NEXT_FILES)
def test_a_guard_that_was_not_ported_gives_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    files = {"pages/api/x.py": HELLO, file: "", "package.json": "{}"}
    (warning,) = warnings_of(tmp_path, files, caplog)
    assert warning.startswith(f"{file} never runs")


@pytest.mark.parametrize("ported", ["middleware.py", "pages/api/_middleware.py"])
def test_a_guard_that_was_ported_gives_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ported: str
) -> None:
    files = {"pages/api/x.py": HELLO, "middleware.ts": "", ported: RUNS}
    assert warnings_of(tmp_path, files, caplog) == []


def test_a_guard_that_is_given_to_the_app_gives_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scope: dict[str, Any] = {}
    exec(RUNS, scope)
    App(project(tmp_path, {"pages/api/x.py": HELLO, "proxy.ts": ""}), middleware=[scope["middleware"]])
    assert caplog.records == []


@pytest.mark.parametrize("name", ["middlewares.py", "middelware.py", "midleware.py"])
def test_a_file_with_almost_the_name_of_the_middleware_gives_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    files = {"pages/api/x.py": HELLO, name: STOP.format("auth")}
    (warning,) = warnings_of(tmp_path, files, caplog)
    assert warning.startswith(f"{name} never runs")


def test_one_that_is_imported_gives_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = {
        "middleware.py": "from .middlewares import auth as middleware\n",
        "middlewares.py": STOP.format("auth"),
        "pages/api/x.py": HELLO,
    }
    assert warnings_of(tmp_path, files, caplog) == []


@pytest.mark.parametrize("file", ["src/proxy.py", "src/middleware.py"])
def test_a_guard_in_src_gives_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str) -> None:
    """What is in src/ may belong to another application."""
    files = {"pages/api/x.py": HELLO, file: RUNS}
    (warning,) = warnings_of(tmp_path, files, caplog)
    assert warning.startswith(f"{file}:1 `middleware` never runs")
