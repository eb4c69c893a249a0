"""The command line in this process; tests/acceptance/test_command_line.py adds real servers."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from apiroutes import __version__
from apiroutes.cli import main
from tests.support import HELLO, project

CONFIG = (
    'config = {"api": {"bodyParser": {"sizeLimit": "1.5kb"}, "responseLimit": False}, "maxDuration": 2.5}\n'
)
FILES = {
    "pages/api/hello.py": HELLO,
    "pages/api/[id].py": CONFIG + HELLO,
    "pages/api/raw.py": 'config = {"api": {"bodyParser": False, "responseLimit": 100}}\n' + HELLO,
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


TABLE = """\
URL METHODS FILE MIDDLEWARE RUNS LIMITS
/api/hello  ANY pages/api/hello.py  directory, cors thread: directory  body 1mb, response 4mb
/api/notes  GET, POST  pages/api/notes.py  directory, POST(check)  thread: directory  body 1mb, response 4mb
/api/raw ANY pages/api/raw.py directory thread: directory  body not parsed, response 100b
/api/[id] ANY pages/api/[id].py directory thread: directory  body 1.5kb, response any, 2.5 s
"""
WITH_MIDDLEWARE = {
    "pages/api/_middleware.py": "def directory(req, res, next): next()\nmiddleware = directory\n",
    "pages/api/hello.py": "from apiroutes.middleware import cors\nmiddleware = [cors('*')]\n" + HELLO,
    "pages/api/notes.py": "from apiroutes import use\ndef check(req, res, next): next()\n"
    "def GET(): ...\n@use(check)\ndef POST(): ...\n",
}


def test_routes_is_a_table(tmp_path: Path) -> None:
    result = run("routes", "--root", str(project(tmp_path, {**FILES, **WITH_MIDDLEWARE})))
    assert result.exit_code == 0
    assert [line.split() for line in result.output.splitlines()] == [
        line.split() for line in TABLE.splitlines()
    ]


def test_routes_as_json_is_for_programs(tmp_path: Path) -> None:
    result = run("routes", "--json", "--root", str(project(tmp_path, {**FILES, **WITH_MIDDLEWARE})))
    rows = {row["path"]: row for row in json.loads(result.output)}
    assert rows["/api/[id]"] == {
        "path": "/api/[id]",
        "methods": ["ANY"],
        "file": "pages/api/[id].py",
        "middleware": ["directory"],
        "method_middleware": {},
        "guards": [],
        "dependencies": {},
        "off_loop": {"ANY": "directory"},
        "body_limit": 1536,
        "response_limit": None,
        "max_duration": 2.5,
        "cache": None,
        "rate_limits": [],
    }
    assert rows["/api/notes"]["methods"] == ["GET", "POST"]
    assert rows["/api/notes"]["method_middleware"] == {"POST": ["check"]}


LIMITED = {
    "pages/api/_middleware.py": (
        "from apiroutes.middleware import rate_limit\n"
        "middleware = [rate_limit('9/second', '99/day', by='body.x')]\n"
    ),
    "pages/api/x.py": (
        "from apiroutes import use\nfrom apiroutes.middleware import rate_limit\n"
        "config = {'rateLimit': '5/minute'}\nmiddleware = [rate_limit('4/minute')]\n"
        "def GET(): return 1\n"
        "@use(rate_limit('1/hour', failures_only=True, name='login'))\ndef POST(): return 1\n"
    ),
}


def test_routes_shows_every_rate_limit_from_the_outside_in(tmp_path: Path) -> None:
    project(tmp_path, LIMITED)
    found = run("routes", "--root", str(tmp_path)).output
    assert "response 4mb, 9/second, 99/day, 5/minute, 4/minute, POST 1/hour" in found
    (row,) = json.loads(run("routes", "--json", "--root", str(tmp_path)).output)
    assert [(one["method"], one["limit"], one["by"]) for one in row["rate_limits"]] == [
        (None, ["9/second", "99/day"], "body.x"),
        (None, ["5/minute"], "address"),
        (None, ["4/minute"], "address"),
        ("POST", ["1/hour"], "address"),
    ]
    assert row["rate_limits"][3] == {
        "method": "POST",
        "limit": ["1/hour"],
        "by": "address",
        "cost": 1,
        "name": "login",
        "failures_only": True,
    }


USUAL = {
    "revalidate": 60,
    "stale": 31_535_940,
    "tags": [],
    "vary": [],
    "query": None,
    "cookies": "bypass",
    "context": [],
    "statuses": [],
    "headers": "keyed",
}
EVERYTHING = (
    "{'revalidate': 0.5, 'tags': ['posts', 'news'], 'vary': ['DNT'], 'query': ['page'], "
    "'cookies': 'ignore', 'context': ['db'], 'statuses': [410, 404]}"
)
# What a route declares, the cell of the table, and what is unlike `USUAL` for programs.
CACHED: list[tuple[str, str, dict[str, Any]]] = [
    ("revalidate = 60", "60 s", {}),
    ("revalidate = False", "until revalidated", {"revalidate": False, "stale": 0}),
    (
        "dynamic = 'force-static'",
        "until revalidated",
        {"revalidate": False, "stale": 0, "query": [], "cookies": "ignore", "headers": "absent"},
    ),
    (
        f"config = {{'cache': {EVERYTHING}}}",
        "0.5 s, tags: posts, news",
        {
            "revalidate": 0.5,
            "stale": 0,
            "tags": ["posts", "news"],
            "vary": ["DNT"],
            "query": ["page"],
            "cookies": "ignore",
            "context": ["db"],
            "statuses": [404, 410],
        },
    ),
]


@pytest.mark.parametrize(("declared", "cell", "member"), CACHED)
def test_routes_tells_what_is_cached(
    tmp_path: Path, declared: str, cell: str, member: dict[str, Any]
) -> None:
    files = {"pages/api/x.py": f"{declared}\ndef GET(): ...\n", "pages/api/y.py": HELLO}
    root = str(project(tmp_path, files))
    head, cached, other = run("routes", "--root", root).output.splitlines()
    start = head.index("CACHE")
    assert cached[start:].startswith(f"{cell}  ")
    assert other[start:].startswith("-  ")
    assert f"  cached      {cell}\n" in run("routes", "/api/x", "--root", root).output
    assert "cached" not in run("routes", "/api/y", "--root", root).output
    rows = json.loads(run("routes", "--json", "--root", root).output)
    assert [row["cache"] for row in rows] == [{**USUAL, **member}, None]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("revalidate = 60\ndef GET(): ...\n", "2 routes, 1 cached, no problems."),
        ("def GET(): ...\n", "2 routes, no problems."),
    ],
)
def test_check_counts_what_is_cached(tmp_path: Path, source: str, line: str) -> None:
    root = project(tmp_path, {"pages/api/x.py": source, "pages/api/y.py": HELLO})
    assert run("check", "--root", str(root)).output == f"{line}\n"


def test_what_a_setting_brings_is_no_middleware_of_a_route(tmp_path: Path) -> None:
    named = "from apiroutes.middleware import log_context\nmiddleware = [log_context()]\n" + HELLO
    files = {
        "pages/api/hello.py": HELLO,
        "pages/api/named.py": named,
        "pyproject.toml": "[tool.apiroutes]\nlog_format = 'text'\n",
    }
    root = str(project(tmp_path, files))
    rows = json.loads(run("routes", "--json", "--root", root).output)
    assert {row["path"]: row["middleware"] + [*row["method_middleware"]] for row in rows} == {
        "/api/hello": [],
        "/api/named": ["log_context"],
    }
    assert "log_context" not in run("routes", "/api/hello", "--root", root).output


PLAIN = "def check(req, res, next): next()\n"
NEEDS = (
    "from typing import Annotated\nfrom apiroutes import Depends\n"
    "async def on_loop(): yield 1\ndef plain(): yield 1\n"
    "async def mixed(a: Annotated[int, Depends(on_loop)], b: Annotated[int, Depends(plain)]): ...\n"
)
# Source of a route, the cell of the table, and the member for programs.
RUNS = [
    ("async def GET(): ...\nasync def POST(): ...\n", "async", {"GET": None, "POST": None}),
    ("async def GET(): ...\ndef POST(): ...\n", "async GET; thread: POST", {"GET": None, "POST": "POST"}),
    ("def GET(): ...\ndef POST(): ...\n", "thread: GET, POST", {"GET": "GET", "POST": "POST"}),
    ("def handler(): ...\n", "thread: handler", {"ANY": "handler"}),
    (PLAIN + "middleware = check\nasync def GET(): ...\n", "thread: check", {"GET": "check"}),
    (
        "from apiroutes import use\n" + PLAIN + "@use(check)\nasync def GET(): ...\n",
        "thread: check",
        {"GET": "check"},
    ),
    (
        "from apiroutes.middleware import cors\nmiddleware = [cors('*')]\nasync def GET(): ...\n",
        "async",
        {"GET": None},
    ),
    ("config = {'maxDuration': 1}\nasync def GET(): ...\n", "async", {"GET": None}),
    (NEEDS + "async def GET(a: Annotated[int, Depends(on_loop)]): ...\n", "async", {"GET": None}),
    (NEEDS + "def GET(a: Annotated[int, Depends(on_loop)]): ...\n", "thread: GET", {"GET": "GET"}),
    (NEEDS + "async def GET(a: Annotated[int, Depends(plain)]): ...\n", "thread: plain", {"GET": "plain"}),
    (NEEDS + "async def GET(a: Annotated[int, Depends(mixed)]): ...\n", "thread: plain", {"GET": "plain"}),
    (NEEDS + "dependencies = [Depends(plain)]\nasync def GET(): ...\n", "thread: plain", {"GET": "plain"}),
    (
        NEEDS + "def handler(a: Annotated[int, Depends(on_loop)]): ...\n",
        "thread: handler",
        {"ANY": "handler"},
    ),
]


@pytest.mark.parametrize(("source", "cell", "off_loop"), RUNS)
def test_routes_tells_what_runs_on_an_event_loop(
    tmp_path: Path, source: str, cell: str, off_loop: dict[str, str | None]
) -> None:
    root = str(project(tmp_path, {"pages/api/x.py": source}))
    assert f"  {cell}  body 1mb" in run("routes", "--root", root).output
    (row,) = json.loads(run("routes", "--json", "--root", root).output)
    assert row["off_loop"] == off_loop


@pytest.mark.parametrize(("files", "count"), [(FILES, "3 routes"), ({"pages/api/x.py": HELLO}, "1 route")])
def test_check_counts_the_routes(tmp_path: Path, files: dict[str, str], count: str) -> None:
    result = run("check", "--root", str(project(tmp_path, files)))
    assert (result.exit_code, result.output) == (0, f"{count}, no problems.\n")


@pytest.mark.parametrize("command", ["check", "routes"])
def test_a_project_with_mistakes_is_status_1_and_its_report(tmp_path: Path, command: str) -> None:
    result = run(command, "--root", str(project(tmp_path, {"pages/api/x.py": "", "pages/api/[y.py": HELLO})))
    assert result.exit_code == 1
    assert "2 problems in this project" in result.stderr


@pytest.mark.parametrize("arguments", [["-h"], ["routes", "-h"], ["dev", "-h"], ["start", "--help"]])
def test_every_command_has_help(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.output[:6]) == (0, "Usage:")


WRONG = [
    ["nothing"],
    ["routes", "--nothing"],
    ["dev", "--port", "x"],
    ["dev", "--port", "99999"],
    ["dev", "--allowed-host", "a b"],
    ["dev", "--allowed-host", ""],
    ["check", "--root", "-"],
]


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_arguments_are_status_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_an_invalid_port_in_the_environment_is_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "http")
    result = run("dev", "--root", str(project(tmp_path, FILES)))
    assert (result.exit_code, "PORT in the environment is 'http'" in result.stderr) == (2, True)


PACKAGES = [
    *("gunicorn", "granian", "uvicorn", "Werkzeug", "msgspec"),
    *("opentelemetry-api", "opentelemetry-sdk", "prometheus-client", "python-json-logger"),
]


def test_the_version_is_printed() -> None:
    lines = run("--version").output.splitlines()
    assert lines[0] == f"apiroutes {__version__}"
    assert lines[1].startswith(f"Python {platform.python_version()} ")
    assert lines[2] == platform.platform()
    assert lines[3:] == [f"{name} {version(name)}" for name in PACKAGES]


def test_a_missing_extra_is_reported_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "granian", None)
    monkeypatch.delitem(sys.modules, "apiroutes.servers.granian", raising=False)
    monkeypatch.delattr("apiroutes.servers.granian", raising=False)
    result = run("start", "--server", "granian", "--root", str(tmp_path))
    assert result.exit_code == 1
    assert "pip install 'apiroutes[granian]'" in result.output
