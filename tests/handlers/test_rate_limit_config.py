"""The limit that a route declares: where it runs, what the command shows, and mistakes in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from tests.start_reports import problems_of
from tests.support import app_of, call, project

HANDLER = "def handler(req, res):\n    res.json({'seen': req.context.get('seen', [])})\n"


def limited(root: Path, value: str, key: str = "rateLimit") -> App:
    source = f"config = {{'{key}': {value}}}\n" + HANDLER
    return app_of(root, source, rate_limit_store="memory")


@pytest.mark.parametrize("key", ["rateLimit", "rate_limit"])
@pytest.mark.parametrize(
    ("value", "policy"),
    [
        ("'2/minute'", '"default";q=2;w=60'),
        ("['2/minute', '9/hour']", '"default";q=2;w=60, "default-2";q=9;w=3600'),
        ("'2/minute; 9/hour'", '"default";q=2;w=60, "default-2";q=9;w=3600'),
        ("{'limit': '2/minute'}", '"default";q=2;w=60'),
        ("{'limit': '2/minute', 'name': 'api', 'by': 'address', 'cost': 1}", '"api";q=2;w=60'),
    ],
)
def test_a_limit_is_read(tmp_path: Path, key: str, value: str, policy: str) -> None:
    app = limited(tmp_path, value, key)
    answers = [call(app) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert {answer.header("RateLimit-Policy") for answer in answers} == {policy}


@pytest.mark.parametrize("key", ["failuresOnly", "failures_only"])
def test_a_limit_may_count_failures_only(tmp_path: Path, key: str) -> None:
    app = limited(tmp_path, f"{{'limit': '2/minute', '{key}': True}}")
    assert [call(app).status for _ in range(5)] == [200] * 5


def test_a_limit_may_have_functions(tmp_path: Path) -> None:
    value = "{'limit': '4/minute', 'by': lambda req: req.query['by'], 'cost': lambda req: 2}"
    app = limited(tmp_path, value)
    assert [call(app, target=f"/api/x?by={by}").status for by in "aaab"] == [200, 200, 429, 200]


def test_each_route_has_its_own_count(tmp_path: Path) -> None:
    source = "config = {'rateLimit': '1/minute'}\n" + HANDLER
    files = {"pages/api/a.py": source, "pages/api/b.py": source, "pages/api/c/[id].py": source}
    app = App(project(tmp_path, files), rate_limit_store="memory")
    targets = ["/api/a", "/api/b", "/api/a", "/api/c/1", "/api/c/2"]
    assert [call(app, target=target).status for target in targets] == [200, 200, 429, 200, 429]


def test_a_route_has_one_count_wherever_its_processes_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, {"pages/api/x.py": "config = {'rateLimit': '1/minute'}\n" + HANDLER})
    found = []
    for directory in (tmp_path, tmp_path / "pages", tmp_path.parent):
        monkeypatch.chdir(directory)
        found.append(call(App(tmp_path, rate_limit_store="sqlite")).status)
    assert found == [200, 429, 429]


def test_routes_with_a_name_share_it(tmp_path: Path) -> None:
    source = "config = {'rateLimit': {'limit': '1/minute', 'name': 'both'}}\n" + HANDLER
    app = App(
        project(tmp_path, {"pages/api/a.py": source, "pages/api/b.py": source}), rate_limit_store="memory"
    )
    assert [call(app, target=target).status for target in ("/api/a", "/api/b")] == [200, 429]


NOTE = """
def {name}(req, res, next):
    req.context.setdefault('seen', []).append('{name}')
    return next()
"""


def test_it_runs_inside_the_middleware_of_directories_and_outside_the_modules_own(tmp_path: Path) -> None:
    by = "lambda req: req.context['seen'].append('limit') or 'all'"
    files = {
        "middleware.py": NOTE.format(name="everywhere") + "middleware = [everywhere]\n",
        "pages/api/_middleware.py": NOTE.format(name="directory") + "middleware = [directory]\n",
        "pages/api/x.py": NOTE.format(name="own")
        + f"middleware = [own]\nconfig = {{'rateLimit': {{'limit': '9/minute', 'by': {by}}}}}\n"
        + HANDLER,
    }
    app = App(project(tmp_path, files), rate_limit_store="memory")
    assert call(app).json() == {"seen": ["everywhere", "directory", "limit", "own"]}


REMEDY = 'Write an amount and a period, such as "100/minute", "5 per 15 minutes" or "1000/day".'


@pytest.mark.parametrize(
    ("value", "message", "remedy"),
    [
        (
            "'0/minute'",
            "config.rateLimit: '0/minute' has an amount that is not from 1 to",
            "Write an amount from 1.",
        ),
        ("'often'", "config.rateLimit: 'often' is not a rate.", REMEDY),
        ("100", "config.rateLimit: 100 is neither a string nor a list of strings.", REMEDY),
        ("None", "config.rateLimit: None is neither a string nor a list of strings.", REMEDY),
        ("True", "config.rateLimit: True is neither a string nor a list of strings.", REMEDY),
        ("[]", "config.rateLimit: [] contains no rate.", REMEDY),
        ("{}", "config.rateLimit has no 'limit'.", REMEDY),
        ("{'by': 'user'}", "config.rateLimit has no 'limit'.", REMEDY),
        ("{'limit': 5}", "config.rateLimit.limit: 5 is neither", REMEDY),
        (
            "{'limit': '1/day', 'key': 'user'}",
            "config.rateLimit has the unknown key 'key'.",
            "Expected one of",
        ),
        ("{'limit': '1/day', 'costs': 1}", "config.rateLimit has the unknown key 'costs'.", "'cost'?"),
        ("{'limit': '1/day', 'by': 'ip'}", "config.rateLimit.by: 'ip' is not one of", 'Write "address"'),
        ("{'limit': '1/day', 'cost': 2}", "config.rateLimit.cost: 2 is more than 1", "Write an int"),
        ("{'limit': '1/day', 'cost': 'a'}", "config.rateLimit.cost: 'a' is neither", "Write an int"),
        ("{'limit': '1/day', 'name': ''}", "config.rateLimit.name: '' is not a str", "Write a short text"),
        ("{'limit': '1/day', 'failuresOnly': 1}", "config.rateLimit.failuresOnly: 1 is not", "Write True"),
        (
            "{'limit': '1/day', 'failuresOnly': True, 'isFailure': 401}",
            "config.rateLimit.isFailure: 401 is not a function of the status",
            "Write a function",
        ),
        (
            "{'limit': '1/day', 'isFailure': lambda status: True}",
            "config.rateLimit has 'isFailure' without 'failuresOnly'.",
            '"failuresOnly": True',
        ),
        (
            "{'limit': '1/day', 'store': 'disk'}",
            "config.rateLimit.store: 'disk' is neither",
            'Write "sqlite"',
        ),
        ("{'limit': '1/day', 'fail': 'soft'}", "config.rateLimit.fail: 'soft' is neither", 'Write "open"'),
        (
            "{'limit': '1/day', 'failuresOnly': True, 'failures_only': True}",
            "config.rateLimit has 'failuresOnly' in two spellings.",
            "Keep one",
        ),
    ],
)
def test_a_mistake_stops_the_start_with_its_line(
    tmp_path: Path, value: str, message: str, remedy: str
) -> None:
    with pytest.raises(ProjectError) as raised:
        limited(tmp_path, value)
    (problem,) = raised.value.problems
    assert (problem.file, problem.line) == ("pages/api/x.py", 1)
    assert problem.message.startswith(message)
    assert remedy in problem.remedy


def test_a_library_that_is_missing_is_a_mistake_with_a_remedy(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/x.py": "config = {'rateLimit': '1/day'}\n" + HANDLER})
    program = (
        "import sys\nsys.modules['limits'] = None\nimport apiroutes\n"
        f"try:\n    apiroutes.App({str(tmp_path)!r})\n"
        "except apiroutes.ProjectError as error:\n    print(error)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (
        "config.rateLimit: limits is not installed.\n  Run: pip install 'apiroutes[limits]'" in ended.stdout
    )


def rows(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "apiroutes", "routes", "--root", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_command_shows_it(tmp_path: Path) -> None:
    value = "{'limit': ['2/minute', '9/hour'], 'by': 'address', 'name': 'api', 'failuresOnly': True}"
    project(tmp_path, {"pages/api/x.py": f"config = {{'rateLimit': {value}}}\n" + HANDLER})
    assert rows(tmp_path).splitlines()[1].endswith("body 1mb, response 4mb, 2/minute, 9/hour")
    row: dict[str, Any] = json.loads(rows(tmp_path, "--json"))[0]
    assert row["middleware"] == ["rate_limit"]
    assert row["rate_limits"] == [
        {
            "method": None,
            "limit": ["2/minute", "9/hour"],
            "by": "address",
            "cost": 1,
            "name": "api",
            "failures_only": True,
        }
    ]


def test_a_route_without_one_has_none(tmp_path: Path) -> None:
    project(tmp_path, {"pages/api/x.py": HANDLER})
    assert json.loads(rows(tmp_path, "--json"))[0]["rate_limits"] == []


def test_a_route_says_what_is_a_failure(tmp_path: Path) -> None:
    limit = "{'limit': '1/day', 'failuresOnly': True, 'isFailure': lambda status: status == 200}"
    assert [call(limited(tmp_path, limit)).status for _ in range(2)] == [200, 200]
    app = limited(tmp_path, limit)
    assert [call(app).status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(("fail", "status"), [("open", 200), ("closed", 503)])
def test_a_route_has_a_store_of_its_own_and_says_what_happens_without_it(
    tmp_path: Path, fail: str, status: int
) -> None:
    app = limited(tmp_path, f"{{'limit': '1/day', 'store': 'redis://127.0.0.1:1/0', 'fail': '{fail}'}}")
    assert [call(app).status for _ in range(2)] == [status, status]


@pytest.mark.parametrize("name", ["rateLimit", "rate_limit"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("'1/hour'", "'1/hour'"),
        ("['1/hour', '9 per day']", "['1/hour', '9 per day']"),
        ("{'limit': '1/hour'}", "{...}"),
    ],
)
def test_rates_outside_the_config_stop_the_start(tmp_path: Path, name: str, value: str, shown: str) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": f"{name} = {value}\n" + HANDLER})
    assert problem.message == f"`{name}` means nothing here, so nothing is limited."
    assert problem.remedy == f'Write it into the config: `config = {{"rateLimit": {shown}}}`.'
    assert problem.line == 1


@pytest.mark.parametrize(
    "source",
    [
        "from apiroutes.middleware import rate_limit\n",
        "rate_limit = '1/hour'\nconfig = {'rateLimit': rate_limit}\n",
        "rate_limit = 'strict'\n",
        "rate_limit = 60\n",
        "rateLimit = None\n",
        "rate_limit = []\n",
        "def rate_limit(): pass\n",
    ],
)
def test_a_name_of_the_modules_own_is_left_alone(tmp_path: Path, source: str) -> None:
    assert call(app_of(tmp_path, source + HANDLER, rate_limit_store="memory")).status == 200
