"""The mistakes of a first hour: each is told with its file, its place and a remedy.

A row has the files of a project. The line with the mistake ends in `# <- here`; a mistake without a line is
in `file` as a whole. What is told is graded as a person reads it: the file is one of the project's, the line
is the one that is marked, and the remedy begins with what to do or has code to write.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apiroutes import App, Problem, ProjectError
from apiroutes.app_file import app_of
from apiroutes.cli import main
from tests.support import Answer, call, project

HERE = "  # <- here"
HELLO = "def GET(): return {}\n"
A = "pages/api/a.py"

# What a remedy begins with, unless it has code in backticks.
IMPERATIVES = re.compile(
    "Call|Check|Choose|Correct|Create|Define|Did you mean|Give|Install|Keep|Move|Put|Remove|Rename|Type"
    "|Use|Write"
)


@dataclass(frozen=True)
class Mistake:
    """A mistake of a project, and what must be told of it."""

    number: int  # in the review
    files: Mapping[str, str]
    remedy: str
    file: str = ""  # of a mistake without a line
    message: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    problems: int = 1


START = {
    "a syntax error": Mistake(1, {A: f"def GET(){HERE}\n    return 1\n"}, "Correct line 1"),
    "a syntax error in a helper": Mistake(
        1, {A: "from ._x import y\n" + HELLO, "pages/api/_x.py": f"\ny = (]{HERE}\n"}, "Correct line 2"
    ),
    "an import of what is misspelled": Mistake(
        2, {A: f"import requestz{HERE}\n{HELLO}"}, "Did you mean `requests`?"
    ),
    "an import of what is not installed": Mistake(2, {A: f"import PIL{HERE}\n{HELLO}"}, "install pillow`"),
    "an import in a helper of several": Mistake(
        2,
        {
            A: "from ._x import y\n" + HELLO,
            "pages/api/b.py": "from ._x import y\n" + HELLO,
            "pages/api/_x.py": f"\nimport requestz{HERE}\n",
        },
        "Did you mean `requests`?",
    ),
    "handlr": Mistake(
        3, {A: f"\ndef handlr(req, res):{HERE}\n    ...\n"}, "Did you mean `def handler(req, res)"
    ),
    "default": Mistake(4, {A: f"\ndef default(req, res):{HERE}\n    ...\n"}, "Call it `handler`"),
    "main": Mistake(4, {A: f"\ndef main():{HERE}\n    ...\n"}, "Call it `handler`"),
    "a Flask app": Mistake(
        4, {A: f"from flask import Flask\napp = Flask('a'){HERE}\n"}, "`def handler(req, res): return app`"
    ),
    "a class Handler": Mistake(
        4, {A: f"class Handler:{HERE}\n    ...\n"}, "Did you mean `def handler(req, res)"
    ),
    "a class handler": Mistake(4, {A: f"class handler:{HERE}\n    ...\n"}, "Write `def handler(req, res)"),
    "three files for one path": Mistake(
        5,
        {A: HELLO, "pages/api/a/index.py": HELLO, "app/api/a/route.py": HELLO},
        "Remove or rename one",
        file=A,
        problems=2,
    ),
    "a wrong key of config": Mistake(
        6,
        {A: f"{HELLO}config = {{\n    'api': {{\n        'bodyParsr': False,{HERE}\n    }}\n}}\n"},
        "Did you mean 'bodyParser'?",
    ),
    "a wrong size in config": Mistake(
        6,
        {A: f"{HELLO}config = {{'api': {{'bodyParser': {{\n    'size_limit': '1xb',{HERE}\n}}}}}}\n"},
        'a string such as "1mb"',
    ),
    "a wrong setting": Mistake(
        7,
        {A: HELLO, "pyproject.toml": f"[tool.apiroutes]\napi_prefx = '/x'{HERE}\n"},
        "Did you mean 'api_prefix'?",
    ),
    "a wrong variable": Mistake(
        7,
        {A: HELLO},
        "Did you mean APIROUTES_PORT?",
        file="environment",
        message="APIROUTES_PORTT",
        environ={"APIROUTES_PORTT": "1"},
    ),
    "a wrong variable in .env": Mistake(
        7, {A: HELLO, ".env": f"\nAPIROUTES_WORKRS=2{HERE}\n"}, "Did you mean APIROUTES_WORKERS?"
    ),
    "get": Mistake(8, {A: f"\ndef get():{HERE}\n    ...\n"}, "Call it `GET`"),
    "Delete": Mistake(8, {A: f"{HELLO}def Delete():{HERE}\n    ...\n"}, "Call it `DELETE`"),
    "GET and handler": Mistake(9, {A: f"{HELLO}def handler(req, res):{HERE}\n    ...\n"}, "Keep `handler`"),
    "a class without a schema": Mistake(
        14, {A: f"class C: ...\ndef GET(body: C):{HERE}\n    ...\n"}, "", message="C"
    ),
    "an unknown parameter": Mistake(14, {A: f"\ndef GET(user):{HERE}\n    ...\n"}, "Parameters are called"),
    "no pages": Mistake(17, {"README.md": ""}, "Create pages/api/hello.py", file="pages/api"),
    "a directory too high": Mistake(
        17, {"shop/pages/api/a.py": HELLO}, "--root ", file="pages/api", message="shop"
    ),
    "another ending": Mistake(
        18, {"pages/api/[id].pyx": HELLO}, "Rename it to pages/api/[id].py", file="pages/api/[id].pyx"
    ),
    "a route outside api": Mistake(
        18, {"pages/hello.py": HELLO}, "Move it to pages/api/hello.py", file="pages/hello.py"
    ),
    "a circular import": Mistake(
        19,
        {
            A: "from ._x import y\n" + HELLO,
            "pages/api/_x.py": "from ._z import q\ny = 1\n",
            "pages/api/_z.py": f"\nfrom ._x import y{HERE}\nq = 1\n",
        },
        "Move `y` into a file that imports neither",
        message="pages/api/_x.py:1 imports pages/api/_z.py, and pages/api/_z.py:2 imports pages/api/_x.py",
    ),
    "an import without the dot": Mistake(
        21,
        {A: f"from _db import x{HERE}\n{HELLO}", "pages/api/_db.py": "x = 1\n"},
        "Write `from ._db import x`.",
    ),
    "a variable that is not set": Mistake(
        28, {A: f"import os\nKEY = os.environ['MY_KEY']{HERE}\n{HELLO}"}, "`MY_KEY=...` into .env"
    ),
    "an empty file": Mistake(30, {A: ""}, "Write `def handler(req, res): ...`", file=A),
    "sys.exit at import": Mistake(31, {A: f"import sys\nsys.exit(3){HERE}\n"}, "Remove the call"),
    "a broken pyproject.toml": Mistake(
        32, {A: HELLO, "pyproject.toml": f"[tool.apiroutes]\nport = = 1{HERE}\n"}, "Correct line 2."
    ),
    **{
        f"the name {name}": Mistake(
            33, {f"{directory}/api/{name}.py": HELLO}, "", file=f"{directory}/api/{name}.py"
        )
        for directory, name in [
            ("pages", "[id"),
            ("pages", "x]y"),
            ("pages", "[[opt]]"),
            ("routes", "{-$opt}"),
            ("routes", "$id[.]json"),
        ]
    },
    "middleware of two parameters": Mistake(
        34, {A: f"def m(req, res):{HERE}\n    ...\nmiddleware = [m]\n{HELLO}"}, "(req, res, next)"
    ),
    "middlewares": Mistake(
        34,
        {A: f"def m(req, res, next): ...\nmiddlewares = [m]{HERE}\n{HELLO}"},
        "Did you mean `middleware`?",
    ),
    "middleware that is a class": Mistake(
        34,
        {A: f"class M:\n    def __init__(self, app): ...\nmiddleware = [M]{HERE}\n{HELLO}"},
        "Write `from_wsgi(M)`",
    ),
    "middleware that is None": Mistake(
        34,
        {A: HELLO, "pages/api/_middleware.py": f"middleware = None{HERE}\n"},
        "Write `def middleware(req, res, next)",
    ),
    "no middleware": Mistake(
        34,
        {A: HELLO, "pages/api/_middleware.py": f"\nmiddleware = []{HERE}\n"},
        "Put functions (req, res, next)",
    ),
    "a setting that names no middleware": Mistake(
        35,
        {A: HELLO, "pyproject.toml": f"[tool.apiroutes]\nmiddleware = ['json:dumpz']{HERE}\n"},
        "Did you mean 'json:dump",
    ),
}


# What hands write that know Next.js, FastAPI, Flask or Express.
APP = "from apiroutes import App\n"
HABITS = {
    "an App in a route": Mistake(0, {A: f"{APP}app = App(){HERE}\n{HELLO}"}, "put `app = App()` into app.py"),
    "an App in a helper": Mistake(
        0,
        {A: f"from appslib.x import app\n{HELLO}", "appslib/x.py": f"{APP}app = App(){HERE}\n"},
        "put `app = App()` into app.py",
    ),
    "a route that imports the App": Mistake(
        0,
        {A: f"from app import app{HERE}\n{HELLO}", "app.py": f"{APP}app = App()\n"},
        "Remove the import, or put it into the function",
        message="app.py:2 makes `app` by loading the routes",
    ),
    "a route that imports what is below the App": Mistake(
        0,
        {A: f"from app import db{HERE}\n{HELLO}", "app.py": f"{APP}app = App()\ndb = 1\n"},
        "Define `db` above the App",
        message="app.py:3 defines `db` below its App",
    ),
    **{
        f"in a route: {source}": Mistake(0, {A: source}, remedy)
        for source, remedy in [
            (f"from fastapi import FastAPI\napp = FastAPI(){HERE}\n", "`def handler(req, res): return app`"),
            (f"from fastapi import APIRouter\nrouter = APIRouter(){HERE}\n", "in a file for each path"),
            (
                f"from flask import Blueprint\nbp = Blueprint('a', 'a'){HERE}\n",
                "Write its functions as `def GET(): ...`",
            ),
            (f"\ndef get_user():{HERE}\n    ...\n", "Call it `GET`"),
            (f"\ndef create_user(body):{HERE}\n    ...\n", "Call it `POST`"),
            (f"def f(): ...\nhandler = None{HERE}\n", "Write `def handler(req, res): ...`"),
            (
                f"from apiroutes.middleware import cors\nmiddleware = [cors]{HERE}\n{HELLO}",
                "Call it: `cors(...)`",
            ),
            (
                f"from apiroutes.middleware import rate_limit\nmiddleware = [rate_limit]{HERE}\n{HELLO}",
                "Call it: `rate_limit(...)`",
            ),
            (
                f"from apiroutes.middleware import any_of\nmiddleware = [any_of]{HERE}\n{HELLO}",
                "Call it: `any_of(...)`",
            ),
            (
                f"def limit(count):{HERE}\n    def step(req, res, next): ...\n    return step\n"
                f"middleware = [limit]\n{HELLO}",
                "Call it: `limit(...)`",
            ),
        ]
    },
    "use without parentheses": Mistake(
        0,
        {A: f"from apiroutes import use\n@use{HERE}\ndef GET(): ...\n"},
        "",
        message="Write `@use(first)`",
    ),
    "use without middleware": Mistake(
        0,
        {A: f"from apiroutes import use\n@use(){HERE}\ndef GET(): ...\n"},
        "",
        message="use() has no middleware. Write `@use(first)`",
    ),
    "use with a list": Mistake(
        0,
        {
            A: "from apiroutes import use\n"
            "def one(req, res, next): next()\ndef two(req, res, next): next()\n"
            f"@use([one, two]){HERE}\ndef GET(): ...\n"
        },
        "",
        message="use(...) has a list. Write `@use(one, two)`",
    ),
    "middleware that is not exported": Mistake(
        0,
        {
            A: HELLO,
            "pages/api/_middleware.py": f"\ndef auth(req, res, next):{HERE}\n    return next()\n",
        },
        "Write `middleware = [auth]`",
        message="`auth` never runs",
    ),
    "middleware.py among the routes": Mistake(
        0,
        {A: HELLO, "pages/api/middleware.py": f"\ndef auth(req, res, next):{HERE}\n    return next()\n"},
        "Rename it to pages/api/_middleware.py, and write `middleware = [auth]`",
    ),
    "a decorator without an app": Mistake(
        0,
        {A: f"@app.post('/x'){HERE}\ndef create(): ...\n"},
        "Remove the decorator: the file's name is the path",
    ),
    "a decorator of an App": Mistake(
        0,
        {A: HELLO, "app.py": f"{APP}app = App()\n@app.route('/x'){HERE}\ndef f(): ...\n"},
        "Write `def GET(): ...` into a file below pages/api",
    ),
    "app.run()": Mistake(
        0, {A: HELLO, "app.py": f"{APP}app = App()\napp.run(){HERE}\n"}, "`apiroutes dev` serves the project"
    ),
    "the module apiroutes.request": Mistake(
        0,
        {A: f"from apiroutes import request\ndef GET(): return request.query{HERE}\n"},
        "Take it as a parameter: `def GET(request): ...`",
        message="the module apiroutes.request",
    ),
    **{
        f"the parameter {parameter}": Mistake(
            0, {"pages/api/[id].py": f"{imports}\ndef GET({parameter}):{HERE}\n    ...\n"}, remedy
        )
        for parameter, imports, remedy in [
            ("user_id", "", "Call it `id`: the path has `id`"),
            ("requst", "", "Did you mean `request`?"),
            ("respons", "", "Did you mean `response`?"),
            ("self", "", "Remove `self`"),
            ("req, res, next", "", "`next` is for middleware"),
            ("db=Depends(dict)", "from fastapi import Depends", "Annotated[Any, Depends(dict)]"),
            ("q: str = Query(None)", "from fastapi import Query", "Write `q: str | None = None`:"),
            ("q: int = Query(5)", "from fastapi import Query", "Write `q: int = 5`:"),
            ("q: int = Query()", "from fastapi import Query", "Write `q: int`:"),
            ("q=Query('a')", "from fastapi import Query", "Write `q: str = 'a'`:"),
            ("q: str | None = Query(None)", "from fastapi import Query", "Write `q: str | None = None`:"),
            ("q: list[int] = Query([])", "from fastapi import Query", "Write `q: list[int] = []`:"),
            (
                "q: int = Query(5, ge=1, lt=9)",
                "from fastapi import Query",
                "Write `q: Annotated[int, Field(ge=1, lt=9)] = 5`, with pydantic's `Field`:",
            ),
            (
                "q: Annotated[str, Header()]",
                "from typing import Annotated\nfrom fastapi import Header",
                "Take `request`, and read `request.headers`",
            ),
            ("tasks: BackgroundTasks", "from fastapi import BackgroundTasks", "after(function, ...)"),
            ("r: Request", "from apiroutes import Request", "Call the parameter `request`"),
            ("r: Response[int]", "from apiroutes import Response", "Call the parameter `response`"),
        ]
    },
}


def marked_line(files: Mapping[str, str]) -> tuple[str, int] | None:
    """The place of the mark in the files of a mistake."""
    places = [
        (name, number)
        for name, source in files.items()
        for number, line in enumerate(source.split("\n"), 1)
        if line.endswith(HERE)
    ]
    return places[0] if places else None


def grade(mistake: Mistake, problem: Problem, root: Path) -> None:
    """Check file, place and remedy of what is told of a mistake."""
    place = marked_line(mistake.files)
    if place is None:
        assert problem.file == mistake.file
    else:
        assert (problem.file, problem.line) == place
        assert (root / problem.file).is_file()
        assert problem.source is not None
        assert problem.span is not None
        assert problem.source[slice(*problem.span)]
    assert mistake.message in problem.message
    assert mistake.remedy in problem.remedy
    assert IMPERATIVES.match(problem.remedy) or "`" in problem.remedy, problem.remedy


@pytest.mark.parametrize("name", [*START, *HABITS])
def test_a_mistake_that_stops_the_start_is_told_with_file_place_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    mistake = {**START, **HABITS}[name]
    for variable in ("APIROUTES_WORKRS", "APIROUTES_PORTT"):  # which a file may set
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    for variable, value in mistake.environ.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectError) as caught:
        app_of(project(tmp_path, mistake.files))
    problems = caught.value.problems
    assert len(problems) == mistake.problems
    grade(mistake, problems[0], tmp_path)
    result = CliRunner().invoke(main, ["check"])
    assert result.exit_code == 1
    assert problems[0].remedy in result.output
    assert "_apiroutes_project" not in result.output


# -- mistakes that a request shows


REQUESTS = {
    "a handler that returns nothing": Mistake(10, {A: f"def GET():{HERE}\n    {{}}\n"}, "Return a value"),
    "a handler that returns a tuple": Mistake(
        11, {A: f"def GET():{HERE}\n    return {{}}, 201\n"}, "json(..., status=...)"
    ),
    "a coroutine in the result": Mistake(
        12,
        {A: f"async def f(): ...\ndef GET():{HERE}\n    return {{'a': f()}}\n"},
        "did you forget `await`?",
    ),
    "a coroutine as the result": Mistake(
        12, {A: f"async def f(): ...\nasync def GET():{HERE}\n    return f()\n"}, "did you forget `await`?"
    ),
    "a coroutine that is used": Mistake(
        13,
        {
            A: "async def f(): ...\nasync def GET():\n    found = f()\n"
            f"    try:\n        return found['a']{HERE}\n    finally:\n        found.close()\n"
        },
        "did you forget `await`?",
    ),
    "a value that JSON cannot hold": Mistake(
        12,
        {A: f"def GET():{HERE}\n    return {{'users': [object()]}}\n"},
        "send a dict",
        message="`users[0]`",
    ),
    "a second response": Mistake(
        24, {A: f"def GET(res):\n    res.json(1)\n    res.json(2){HERE}\n"}, "`return` after it"
    ),
    "a status after the response": Mistake(
        24,
        {A: f"def GET(res):\n    res.json(1)\n    res.status(201){HERE}\n"},
        "set the status and headers before",
    ),
    "a status that is a str": Mistake(
        25, {A: f"def GET(res):\n    res.status('200').json(1){HERE}\n"}, "must be an int from 200 to 599"
    ),
    "a status that is none": Mistake(
        25, {A: f"def GET(res):\n    res.status(999).json(1){HERE}\n"}, "from 200 to 599"
    ),
    "middleware that returns nothing": Mistake(
        34,
        {A: f"def m(req, res, next):{HERE}\n    ...\nmiddleware = [m]\n{HELLO}"},
        "call next(), or return a response",
    ),
    "middleware that does not await": Mistake(
        34,
        {A: f"async def m(req, res, next):{HERE}\n    next()\nmiddleware = [m]\n{HELLO}"},
        "write `await next()`",
    ),
    "a generator of dicts": Mistake(36, {A: f"def GET():\n    yield {{'a': 1}}{HERE}\n"}, "return a list"),
    "request.json()": Mistake(
        37, {A: f"def POST(request):\n    return request.json(){HERE}\n"}, "", message="not callable"
    ),
}
# Rows whose remedy is not in the log, each with the reason.
WITHOUT_REMEDY = {
    "request.json()": "Python's own exception, which the log shows with the line",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_mistake_that_a_request_shows_is_told_with_file_place_and_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    mistake = REQUESTS[name]
    monkeypatch.chdir(tmp_path)
    app = App(project(tmp_path, mistake.files))
    method = "POST" if "def POST" in mistake.files[A] else "GET"
    answer = call(app, method, "/api/a", [("Content-Type", "application/json")], b"{}")
    text = "\n".join(f"{record.getMessage()}\n{record.exc_text or ''}" for record in caplog.records)
    file, line = marked_line(mistake.files) or ("", 0)
    assert f"{file}:{line}" in text or re.search(rf'{re.escape(file)}", line {line}\b', text)
    assert mistake.message in text
    assert mistake.remedy in text
    assert bool(mistake.remedy) == (name not in WITHOUT_REMEDY)
    assert_client_learns_nothing(answer, mistake)


def assert_client_learns_nothing(answer: Answer, mistake: Mistake) -> None:
    """Nothing of a mistake reaches the client of production."""
    assert answer.body in (b"Internal Server Error", b"1")
    assert not mistake.remedy or mistake.remedy.encode() not in answer.body


def test_exceptions_to_the_rule_are_few() -> None:
    assert len(WITHOUT_REMEDY) < 3


# -- mistakes that work


WORKS: dict[str, tuple[int, dict[str, str], str, int]] = {
    "a relative import below a parameter": (
        20,
        {"pages/api/[id]/a.py": "from .._db import x\ndef GET(): return x\n", "pages/api/_db.py": "x = 1\n"},
        "/api/1/a",
        200,
    ),
    "odd names": (22, {"pages/api/a-b c/[class].py": HELLO}, "/api/a-b%20c/x", 200),
    "an exception of werkzeug": (
        23,
        {A: "from werkzeug.exceptions import NotFound\ndef GET(): raise NotFound()\n"},
        "/api/a",
        404,
    ),
    "an ApiError without a message": (
        23,
        {A: "from apiroutes import ApiError\ndef GET(): raise ApiError(404)\n"},
        "/api/a",
        404,
    ),
}


@pytest.mark.parametrize("name", WORKS)
def test_what_looks_like_a_mistake_works(tmp_path: Path, name: str) -> None:
    _, files, target, status = WORKS[name]
    assert call(App(project(tmp_path, files)), target=target).status == status


def test_a_result_that_its_annotation_denies_is_told_in_development(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = "def GET() -> dict[str, int]:\n    return {'a': 'b'}\n"
    call(App(project(tmp_path, {A: source}), mode="development"), target="/api/a")
    assert f"{A}:1 answers 200 with what does not fit the declared type: returned.a" in caplog.text
    assert "Correct the result, or what is declared." in caplog.text


# Rows that other tests have: of the command line (16), of logging (26), of the development server (27, 29).
ELSEWHERE = {16, 26, 27, 29}


def test_the_table_has_every_mistake_of_the_review() -> None:
    rows: list[Any] = [*START.values(), *REQUESTS.values()]
    numbers = {row.number for row in rows} | {row[0] for row in WORKS.values()} | {15} | ELSEWHERE
    assert numbers == set(range(1, 38))


@pytest.fixture(autouse=True)
def log_of_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "apiroutes")


@pytest.fixture(autouse=True)
def modules_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget the modules of a test's project: the next one has some of the same names."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in [*sys.modules]:
        if str(tmp_path) in repr(sys.modules[name]):
            del sys.modules[name]
