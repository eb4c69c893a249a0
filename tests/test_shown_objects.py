"""Objects of a project in messages: by their kind, since what they hold may be secret."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apiroutes import ApiError, App, ProjectError, Settings
from apiroutes.errors import report, shown
from tests.start_reports import problems_of
from tests.support import HELLO, call, project

SECRET_KEY = "Zk3v9QpLr7Xw2Bn5Tc8Hd1Fg4Jm6Ys0A"
PASSWORD = "correct-horse-battery-staple"
CONFIG = f"""
class Config:
    def __init__(self):
        self.password = {PASSWORD!r}

    def __repr__(self):
        return f"Config(password={{self.password!r}})"

config = Config()
"""
GET = "def GET(): return 1\n"
BEFORE = """from lib.config import config as own
from typing import Annotated
from apiroutes import Depends, cached, file_route, security_scheme, use
from apiroutes.middleware import (access_log, any_of, api_key, basic, bearer, cors, csrf, from_wsgi, jwt,
    proxy_fix, rate_limit, require, session_user, sessions, trusted_hosts, webhook)
"""


# what a route's file writes where `own` is wrong
SOURCES = [
    *(f"config = {value}" for value in ("own", "[own]", "{own: 1}", "{'maxDuration': own}")),
    *(f"config = {{'api': {value}}}" for value in ("own", "{own: 1}", "{'externalResolver': own}")),
    *(f"config = {{'api': {{'bodyParser': {value}}}}}" for value in ("own", "{'sizeLimit': own}")),
    *(
        f"config = {{'api': {{'responseLimit': {value}}}}}"
        for value in ("own", "{'limit': own}", "{'enforce': own}")
    ),
    "config = {'cache': own}",
    *(
        f"config = {{'cache': {{'revalidate': 60, '{key}': {value}}}}}"
        for key in ("revalidate", "stale", "tags", "vary", "query", "cookies", "context", "statuses")
        for value in ("own", "[own]")
    ),
    "config = {'rateLimit': own}",
    *(
        f"config = {{'rateLimit': {{'limit': '1/hour', '{key}': {value}}}}}"
        for key in ("limit", "by", "cost", "name", "failuresOnly", "isFailure", "store", "fail")
        for value in ("own", "[own]")
    ),
    "maxDuration = own",
    "middleware = own",
    "middleware = [own]",
    "middleware = [[own]]",
    "dependencies = own",
    "dependencies = [own]",
    "dependencies = [Depends(own)]",
    "GET = own",
    "POST = own",
    "responses = {own: 'x'}",
    "responses = {404: own}",
    "def POST(req, x: int = own): return 1",
    "def POST(x: own): return 1",
    "def POST(x: Annotated[int, Depends(own)]): return 1",
    "def POST(x: Annotated[int, Depends(GET, scope=own)]): return 1",
    "POST = use(own)(GET)",
    "POST = cached(own)(GET)",
    "POST = cached(revalidate=own)(GET)",
    "POST = cached(tags=own)(GET)",
    "POST = cached(tags=[own])(GET)",
    "@security_scheme(own, {'type': 'http', 'scheme': 'basic'})\ndef POST(): return 1",
    "@security_scheme('x', {'type': own})\ndef POST(): return 1",
    *(
        f"middleware = [{step}]"
        for step in (
            "access_log(format=own)",
            "api_key(own, header='X-Key')",
            "api_key(GET, header=own)",
            "api_key({'a': own}, header='X-Key')",
            "any_of(own)",
            "basic(own)",
            "basic({'ada': own})",
            "basic({own: 'a-long-enough-password'})",
            "basic(lambda name, password: 1, realm=own)",
            "bearer(own)",
            "bearer([own])",
            "cors(origins=own)",
            "cors(origins=[own])",
            "csrf(trusted=own)",
            "csrf(trusted=[own])",
            "from_wsgi(own)",
            "from_wsgi(lambda app: own)",
            "jwt(own)",
            "jwt(key=own, algorithms=['HS256'])",
            "jwt(jwks_url=own, algorithms=['RS256'])",
            "jwt(key='x' * 40, algorithms=[own])",
            "jwt(key='0123456789abcdefghijklmnopqrstuvwxyz', algorithms=['HS256'], leeway=own)",
            "proxy_fix(x_for=own)",
            "rate_limit(own)",
            "rate_limit([own])",
            "rate_limit('1/hour', by=own)",
            "require(own)",
            "require(scope=own)",
            "require(scope=[own])",
            "require(scope='x', user=own)",
            "session_user(own)",
            "sessions(max_age=own)",
            "sessions(idle=own)",
            "sessions(csrf=own)",
            "sessions(path=own)",
            "sessions(domain=own)",
            "sessions(samesite=own)",
            "sessions(secure=own)",
            "sessions(store=own)",
            "trusted_hosts(own)",
            "trusted_hosts([own])",
            "webhook(own, secret='x')",
            "webhook('github', secret=own)",
            "webhook('github', secret=[own])",
            "webhook('github', secret='0123456789abcdefghijklmnopqrstuvwxyz', tolerance=own)",
        )
    ),
]


def test_no_start_error_shows_what_an_object_of_the_project_holds(tmp_path: Path) -> None:
    sources = {f"pages/api/x{number}.py": source for number, source in enumerate(SOURCES)}
    files = {file: f"{BEFORE}{GET}{source}\n" for file, source in sources.items()}
    problems = problems_of(tmp_path, {"lib/config.py": CONFIG, **files})
    assert {problem.file for problem in problems} == {*files}
    assert [sources[problem.file] for problem in problems if PASSWORD in report([problem])] == []


@pytest.mark.parametrize(
    ("source", "line", "kind"),
    [
        ("from lib.config import config", 2, "a `Config`"),
        ("from lib.config import (\n    config,\n)", 2, "a `Config`"),
        ("import lib.config as config", 2, "the module `lib.config`"),
        ("from lib.config import Config as config", 2, "the class `Config`"),
        ("from lib.config import *", None, "a `Config`"),
        (
            "from types import SimpleNamespace\nconfig = SimpleNamespace(PIN='hunter2')",
            3,
            "a `SimpleNamespace`",
        ),
        ("config = 'hunter2'", 2, "a str"),
        ("from flask import request as config", 2, "a `LocalProxy`"),
    ],
)
def test_an_object_called_config_is_told_by_its_kind_and_line(
    tmp_path: Path, source: str, line: int | None, kind: str
) -> None:
    files = {"lib/__init__.py": "", "lib/config.py": CONFIG, "pages/api/x.py": f"{GET}{source}\n"}
    (problem,) = problems_of(tmp_path, files)
    assert (problem.line, problem.message) == (line, f"config is {kind}, not a dict.")
    assert "as settings`" in problem.remedy


# what instrumentation.py writes where `own` is wrong
INSTRUMENTATION = [
    "checks = own",
    "checks = {own: print}",
    "checks = {'database': own}",
    "register = own",
    "on_request_error = own",
    "def register(): return own",
    "def register(): yield own",
]


@pytest.mark.parametrize("source", INSTRUMENTATION)
def test_instrumentation_shows_no_object_either(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, source: str
) -> None:
    files = {
        "lib/config.py": CONFIG,
        "instrumentation.py": f"from lib.config import config as own\n{source}\n",
        "pages/api/x.py": HELLO,
    }
    with pytest.raises(ProjectError) as caught:
        App(project(tmp_path, files)).start()
    assert PASSWORD not in str(caught.value) + caplog.text


class Own:
    def __repr__(self) -> str:
        return PASSWORD

    __str__ = __repr__


@pytest.mark.parametrize("value", [Own(), [Own()]], ids=["object", "list"])
def test_no_wrong_setting_shows_an_object(tmp_path: Path, value: object) -> None:
    names = [*Settings.__annotations__, "middleware"]
    problems = problems_of(tmp_path, {"pages/api/x.py": HELLO}, **dict.fromkeys(names, value))
    told = report(problems)
    assert [name for name in names if name not in told] == []
    assert PASSWORD not in told


# what a handler does with an object where something else is meant
STATEMENTS = [
    "raise ApiError(own)",
    "raise ApiError(404, headers={'X-A': own})",
    "res.status(own)",
    "res.status_code = own",
    "res.set_header('X-A', own)",
    "res.set_header('X-A', [own])",
    "res.set_header(own, 'a')",
    "res.set_header('X-A', own.password + '\\n')",
    "res.set_cookie('a', own)",
    "res.set_cookie(own, 'a')",
    "res.set_cookie('a', 'b', max_age=own)",
    "res.set_cookie('a', 'b', samesite=own)",
    "res.set_signed_cookie('a', own)",
    "res.set_signed_cookie('a', 'b', max_age=own)",
    "res.redirect(own)",
    "res.redirect(own, '/')",
    "res.set_draft_mode(own)",
    "res.set_preview_data({}, max_age=own)",
    "res.end(own)",
    "res.write(own)",
    "req.session[own] = 1",
    "req.session.rotate(owner=own)",
    "return stream(iter([own]))",
    "return iter([own])",
    "return json({own: 1})",
    "return json({'a': {own: object()}})",
    "return send_file('x', max_age=own)",
    "revalidate_path(own)",
    "revalidate_path('/', own)",
    "revalidate_tag(own)",
    "revalidate_tag('a', mode=own)",
]


def test_no_fault_of_a_handler_logs_what_an_object_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = (
        "from apiroutes import *\nfrom apiroutes.middleware import sessions\n"
        "from lib.config import config as own\nmiddleware = [sessions()]\n"
    )
    files = {
        f"pages/api/{number}.py": f"{before}def handler(req, res):\n    {statement}\n"
        for number, statement in enumerate(STATEMENTS)
    }
    app = App(project(tmp_path, {"lib/config.py": CONFIG, **files}), secret_key=SECRET_KEY)
    found = []
    for number, statement in enumerate(STATEMENTS):
        caplog.clear()
        answer = call(app, target=f"/api/{number}")
        if answer.status != 500 or PASSWORD in caplog.text:
            found.append(statement)
    assert found == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (-1.5, "-1.5"),
        ("60", "'60'"),
        ("a" * 61, f"'{'a' * 60}'..."),
        (timedelta(seconds=1), "datetime.timedelta(seconds=1)"),
        ([], "[]"),
        (["a", 1], "['a', 1]"),
        (["a" * 60], "a list"),
        ([["a"]], "a list"),
        ({"a": 1}, "a dict"),
        (b"a", "a bytes"),
        (SimpleNamespace(a=1), "a `SimpleNamespace`"),
        (SimpleNamespace, "the class `SimpleNamespace`"),
        (pytest, "the module `pytest`"),
        (project, "the function `project`"),
        (len, "the function `len`"),
        (ApiError(404), "an `ApiError`"),
    ],
)
def test_a_value_is_shown_if_it_is_short_and_holds_nothing_else(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_number_of_too_many_digits_is_an_int() -> None:
    assert shown(10**5000) == "an int"
