"""Middleware: its order, what it may do, exceptions, and paths without a route."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from tests.support import HELLO, call, project

STEP = """
{prefix}def {name}(req, res, next):
    req.context.setdefault("seen", []).append("{label} in")
    {wait}next()
    req.context["seen"].append("{label} out")
"""


def step(label: str, name: str = "middleware", is_async: bool = False) -> str:
    """A step that notes when it is passed on the way in and on the way back."""
    words = {"prefix": "async ", "wait": "await "} if is_async else {"prefix": "", "wait": ""}
    return STEP.format(name=name, label=label, **words)


# The outermost step keeps the list, so that it can be looked at when all steps have ended.
KEEP = "seen = []\ndef keep(req, res, next):\n    req.context['seen'] = seen\n    next()\n"
ORDER = ["project", "pages", "api", "users", "module", "method"]


def files(asynchronous: frozenset[str] = frozenset(), handler_async: bool = False) -> dict[str, str]:
    def of(label: str, name: str = "middleware") -> str:
        return step(label, name, label in asynchronous)

    handler = (
        f"{'async ' if handler_async else ''}def GET(context): context['seen'].append('handler'); return 1\n"
    )
    return {
        "shared_steps.py": KEEP + of("project", "project"),
        "pages/_middleware.py": of("pages"),
        "pages/api/_middleware.py": of("api"),
        "pages/api/users/_middleware.py": of("users"),
        "pages/api/other/_middleware.py": of("other"),
        "pages/api/users/[id].py": "from apiroutes import use\n"
        + of("module", "one")
        + of("method", "two")
        + "middleware = [one]\n@use(two)\n"
        + handler,
    }


def app_with(root: Path, **arguments: Any) -> tuple[App, list[str]]:
    """An App of these files; its project middleware keeps what was passed in a list."""
    seen: list[str] = []

    def keep(req: Any, res: Any, next: Any) -> None:
        seen.clear()
        req.context["seen"] = seen
        next()

    project(root, files(**arguments))
    source: dict[str, Any] = {}
    exec((root / "shared_steps.py").read_text(), source)
    return App(root, middleware=[keep, source["project"]]), seen


EXPECTED = [*[f"{label} in" for label in ORDER], "handler", *[f"{label} out" for label in reversed(ORDER)]]
MIXES = [
    set(),
    set(ORDER),
    {"project"},
    {"method"},
    {"pages", "users"},
    {"api", "module"},
    {"project", "method"},
]


@pytest.mark.parametrize("asynchronous", MIXES, ids=lambda mix: "+".join(sorted(mix)) or "none")
@pytest.mark.parametrize("handler_async", [False, True])
def test_steps_run_from_the_outside_in_and_back(
    tmp_path: Path, asynchronous: set[str], handler_async: bool
) -> None:
    app, seen = app_with(tmp_path, asynchronous=frozenset(asynchronous), handler_async=handler_async)
    assert call(app, target="/api/users/1").json() == 1
    assert seen == EXPECTED


MISSING = [
    ("/api/users/1/x", 404, ["project", "pages", "api", "users"]),
    ("/api/other", 404, ["project", "pages", "api", "other"]),
    ("/api/nope", 404, ["project", "pages", "api"]),
    ("/elsewhere", 404, ["project"]),
    ("/api/users/..", 404, ["project", "pages", "api", "users"]),
]


@pytest.mark.parametrize(("target", "status", "labels"), MISSING)
def test_a_404_runs_the_steps_of_the_directories_above(
    tmp_path: Path, target: str, status: int, labels: list[str]
) -> None:
    app, seen = app_with(tmp_path)
    assert call(app, target=target).status == status
    assert [line for line in seen if line.endswith(" in")] == [f"{label} in" for label in labels]


def test_a_405_runs_the_steps_around_it(tmp_path: Path) -> None:
    app, seen = app_with(tmp_path)
    assert call(app, "PUT", "/api/users/1").status == 405
    assert [line for line in seen if line.endswith(" in")] == [f"{label} in" for label in ORDER[:-1]]


def test_a_path_for_the_fallback_runs_no_middleware(tmp_path: Path) -> None:
    def fallback(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"fallback"]

    def refuse(req: Any, res: Any, next: Any) -> None:
        raise AssertionError("called")

    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), fallback=fallback, middleware=[refuse])
    assert call(app, target="/api/nope").body == b"fallback"


def test_middleware_may_stand_in_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def mark(req, res, next):\n    res.set_header('X-Mark', '1')\n    next()\n"
    toml = "[tool.apiroutes]\nmiddleware = ['marking_of_this_test:mark']\n"
    made = project(
        tmp_path, {"pages/api/x.py": HELLO, "marking_of_this_test.py": source, "pyproject.toml": toml}
    )
    assert call(App(made)).header("X-Mark") == "1"


# -- what a step may do

CASES: dict[str, tuple[str, str, int, bytes]] = {
    "answer itself": ("res.status(401).json('no')", "raise AssertionError", 401, b'"no"'),
    "raise": ("raise ApiError(403, 'no')", "raise AssertionError", 403, b"no"),
    "neither": ("pass", "raise AssertionError", 500, b"Internal Server Error"),
    "turn an exception into an answer": (
        "try:\n        next()\n    except ValueError as error:\n        res.status(400).send(str(error))",
        "raise ValueError('bad')",
        400,
        b"bad",
    ),
    "turn a 404 of the handler into an answer": (
        "try:\n        next()\n    except ApiError:\n        res.send('instead')",
        "raise ApiError(404, 'gone')",
        200,
        b"instead",
    ),
    "read the body": ("assert req.body == {'a': 1}\n    next()", "return body", 200, b'{"a":1}'),
    "replace the body": ("req.body = 'other'\n    next()", "return body", 200, b"other"),
    "hand data down": ("req.context['user'] = 'ada'\n    next()", "return context['user']", 200, b"ada"),
    "return what next returns": ("return next()", "return 'x'", 200, b"x"),
    "replace the answer": ("next()\n    return {'a': 2}", "return 'x'", 200, b'{"a":2}'),
    "return an answer": ("return 'mine'", "raise AssertionError", 200, b"mine"),
}


@pytest.mark.parametrize(("body", "handler", "status", "content"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("is_async", [False, True])
def test_a_step_may(
    tmp_path: Path, is_async: bool, body: str, handler: str, status: int, content: bytes
) -> None:
    if is_async:
        body = body.replace("next()", "await next()")
    source = (
        "from apiroutes import ApiError\n"
        f"{'async ' if is_async else ''}def step(req, res, next):\n    {body}\n"
        f"middleware = [step]\ndef POST(body, context):\n    {handler}\n"
    )
    answer = call(
        App(project(tmp_path, {"pages/api/x.py": source})),
        "POST",
        headers=[("Content-Type", "application/json")],
        body=b'{"a": 1}',
    )
    assert (answer.status, answer.body) == (status, content)


def test_a_bad_body_is_400_in_the_middleware_that_asks_for_it(tmp_path: Path) -> None:
    source = "def step(req, res, next):\n    req.body\n    next()\nmiddleware = step\ndef POST(): return 1\n"
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    assert call(app, "POST", headers=[("Content-Type", "application/json")], body=b"{").status == 400


SAID = """
def step(req, res, next):
    res.set_header("X-A", "outer").set_header("X-B", "outer").append_header("X-C", ["1", "2"]).status(202)
    next()
middleware = [step]
def GET(res):
    res.set_header("X-B", "inner").set_header("X-D", "inner").status(418)
    {}
"""
FAULTS = ["raise RuntimeError", "res.json(object())", "return iter([5])", "return lambda e, s: 1 / 0"]


@pytest.mark.parametrize("line", FAULTS)
def test_headers_set_before_a_handler_survive_its_fault(tmp_path: Path, line: str) -> None:
    answer = call(App(project(tmp_path, {"pages/api/x.py": SAID.format(line)})))
    assert answer.status == 500
    assert [answer.all(f"X-{name}") for name in "ABCD"] == [["outer"], ["outer"], ["1", "2"], []]


def test_middleware_that_does_nothing_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = "middleware = [lambda req, res, next: None]\ndef GET(): return 1\n"
    call(App(project(tmp_path, {"pages/api/x.py": source})))
    [record] = caplog.records
    assert "RuntimeError: the middleware `<lambda>` (" in (record.exc_text or "")
    assert "x.py:1) neither responded nor called next()" in (record.exc_text or "")


def test_several_use_run_from_the_top_down(tmp_path: Path) -> None:
    source = (
        "from apiroutes import use\n"
        + step("a", "a")
        + step("b", "b")
        + step("c", "c")
        + "@use(a, b)\n@use(c)\ndef GET(context): return context['seen']\n"
    )
    assert call(App(project(tmp_path, {"pages/api/x.py": source}))).json() == ["a in", "b in", "c in"]


def test_an_async_step_runs_in_the_handlers_loop(tmp_path: Path) -> None:
    source = (
        "import asyncio\n"
        "async def step(req, res, next):\n"
        "    req.context['loop'] = asyncio.get_running_loop()\n"
        "    await asyncio.wait_for(next(), 10)\n"
        "middleware = [step]\n"
        "async def GET(context): return context['loop'] is asyncio.get_running_loop()\n"
    )
    assert call(App(project(tmp_path, {"pages/api/x.py": source}))).json() is True


# -- mistakes

WRONG = [
    ({"pages/api/_middleware.py": ""}, "pages/api/_middleware.py", "exports no `middleware`"),
    ({"pages/api/_middleware.py": "middleware = [1]"}, "pages/api/_middleware.py", "`middleware` has 1"),
    (
        {"pages/api/_middleware.py": "1 / 0"},
        "pages/api/_middleware.py",
        "failed to import: ZeroDivisionError",
    ),
]


@pytest.mark.parametrize(("wrong", "file", "message"), WRONG)
def test_a_middleware_file_with_a_mistake_is_reported(
    tmp_path: Path, wrong: dict[str, str], file: str, message: str
) -> None:
    with pytest.raises(ProjectError) as caught:
        App(project(tmp_path, {"pages/api/x.py": HELLO, **wrong}))
    (problem,) = caught.value.problems
    assert (problem.file, message in problem.message) == (file, True)


SETTINGS = ["nothing", "no.such.module:step", "json:nothing"]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_does_not_name_middleware_is_reported(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match=r"package\.module:function"):
        App(
            project(
                tmp_path,
                {"pages/api/x.py": HELLO, "pyproject.toml": f"[tool.apiroutes]\nmiddleware=['{name}']"},
            )
        )


def test_an_argument_that_is_not_middleware_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="1 cannot be called"):
        App(project(tmp_path, {"pages/api/x.py": HELLO}), middleware=[1])  # type: ignore[list-item]


# -- WSGI middleware

BRIDGED = """
import werkzeug
from apiroutes import from_wsgi
class Mark:
    def __init__(self, application, name):
        self.application, self.name = application, name
    def __call__(self, environ, start_response):
        environ["mark"] = self.name
        def start(status, headers, exc_info=None):
            return start_response(status, [*headers, ("X-Mark", self.name)])
        return self.application(environ, start)
class Lazy(Mark):
    def __call__(self, environ, start_response):
        yield from (chunk.upper() for chunk in super().__call__(environ, start_response))
class Refuse(Mark):
    def __call__(self, environ, start_response):
        start_response("401 Unauthorized", [("X-Mark", "refused")])
        return [b"refused"]
class Silent(Mark):
    def __call__(self, environ, start_response):
        return []
class Copy(Mark):
    def __call__(self, environ, start_response):
        return super().__call__({**environ, "REMOTE_ADDR": "10.0.0.1"}, start_response)
"""
BRIDGES = [
    ("Mark", "return 'x'", 200, b"x", "m"),
    ("Mark", "res.status(201).json({'a': 1})", 201, b'{"a":1}', "m"),
    ("Mark", "return werkzeug.Response('own', 202)", 202, b"own", "m"),
    ("Mark", "return iter('ab')", 200, b"ab", "m"),
    ("Mark", "res.write('a'); res.write('b')", 200, b"ab", "m"),
    ("Mark", "raise RuntimeError", 500, b"Internal Server Error", "m"),
    ("Mark", "return req.environ['mark']", 200, b"m", "m"),
    ("Lazy", "return 'x'", 200, b"X", "m"),
    ("Lazy", "return iter('ab')", 200, b"AB", "m"),
    ("Refuse", "raise AssertionError", 401, b"refused", "refused"),
    ("Silent", "raise AssertionError", 500, b"Internal Server Error", None),
    ("Copy", "return req.remote_addr", 200, b"10.0.0.1", "m"),
]


@pytest.mark.parametrize(("name", "line", "status", "content", "mark"), BRIDGES)
@pytest.mark.parametrize("prefix", ["", "async "])
def test_wsgi_middleware_is_a_step(
    tmp_path: Path, prefix: str, name: str, line: str, status: int, content: bytes, mark: str | None
) -> None:
    source = f"{BRIDGED}middleware = [from_wsgi({name}, name='m')]\n{prefix}def GET(req, res):\n    {line}\n"
    answer = call(App(project(tmp_path, {"pages/api/x.py": source})))
    assert (answer.status, answer.body, answer.header("X-Mark")) == (status, content, mark)


def test_the_steps_around_wsgi_middleware_see_its_status(tmp_path: Path) -> None:
    source = (
        f"{BRIDGED}statuses = []\n"
        "def note(req, res, next):\n    next()\n    statuses.append(res.status_code)\n"
        "middleware = [note, from_wsgi(Refuse, name='m')]\ndef GET(): return statuses\n"
        "def POST(): return statuses\n"
    )
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    assert call(app).status == 401
    assert json.loads(json.dumps(call(app).headers)) != []


def test_a_304_behind_wsgi_middleware_does_not_describe_content(tmp_path: Path) -> None:
    source = f"{BRIDGED}middleware = [from_wsgi(Mark, 'm')]\ndef GET(res):\n    res.send('x')\n"
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    etag = call(app).header("ETag")
    answer = call(app, headers=[("If-None-Match", etag or "")])
    assert (answer.status, dict(answer.headers)) == (304, {"ETag": etag, "X-Mark": "m"})


def test_wsgi_middleware_closes_the_stream_that_it_wraps(tmp_path: Path) -> None:
    """PEP 3333: by calling close(), whoever else still holds the stream."""
    source = """
from apiroutes import from_wsgi, use

class Chunks:
    closed = 0
    def __iter__(self): return self
    def __next__(self): return b"x"
    def close(self): Chunks.closed += 1

def wsgi(application):
    def wrapped(environ, start_response):
        content = environ["content"] = application(environ, start_response)
        try:
            yield next(iter(content))
        finally:
            content.close()
    return wrapped

chunks = Chunks()

@use(from_wsgi(wsgi))
def GET(): return chunks

def POST(): return [Chunks.closed]
"""
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    assert (call(app).body, call(app, "POST").json()) == (b"x", [1])


def test_chains_of_unknown_paths_are_right_when_many_threads_ask_first(tmp_path: Path) -> None:
    directories, depth = 24, 8
    labels = "from apiroutes import use\ndef label(text):\n    def step(req, res, next):\n"
    labels += "        res.append_header('X-Label', text)\n        next()\n    return step\n"
    files = {"pages/api/x.py": HELLO}
    for number in range(directories):
        steps = ", ".join(f"label('{number}.{step}')" for step in range(depth))
        files[f"pages/api/d{number}/_middleware.py"] = f"{labels}middleware = [{steps}]\n"
    app = App(project(tmp_path, files))
    expected = [[f"{number}.{step}" for step in range(depth)] for number in range(directories)]
    begin = threading.Barrier(directories)

    def ask(first: int) -> list[list[str]]:
        begin.wait()
        order = [(first + number) % directories for number in range(directories)]
        found = {number: call(app, target=f"/api/d{number}/nope").all("X-Label") for number in order}
        return [found[number] for number in range(directories)]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(directories) as pool:
            answers = list(pool.map(ask, range(directories)))
    finally:
        sys.setswitchinterval(interval)
    assert [answer == expected for answer in answers] == [True] * directories


@pytest.mark.parametrize(
    "handler", ["async def GET(context):\n    await asyncio.sleep(0.01)", "def GET(context):"]
)
@pytest.mark.parametrize(
    "inner", ["", "async def inner(req, res, next): await next()\nmiddleware += [inner]\n"]
)
def test_next_cannot_be_called_again_while_it_runs(tmp_path: Path, handler: str, inner: str) -> None:
    source = (
        "import asyncio\ncalls = []\nasync def step(req, res, next):\n"
        "    first, second = await asyncio.gather(next(), next(), return_exceptions=True)\n"
        "    res.set_header('X-Second', repr(second))\nmiddleware = [step]\n"
        f"{inner}{handler}\n    calls.append(1)\n    return len(calls)\n"
    )
    answer = call(App(project(tmp_path, {"pages/api/x.py": source})))
    assert answer.json() == 1
    assert "next() can be called only once" in (answer.header("X-Second") or "")


TWICE = """
seen = []
{0}def transaction(req, res, next):
    try:
        {1}next()
    except BaseException as error:
        seen.append(type(error).__name__)
        raise
    seen.append("committed")
    res.set_header("X-Later", "1")
middleware = [transaction]
{2}def GET(res):
    res.status(201).json(seen)
    {3}
"""


@pytest.mark.parametrize(
    "again", ["res.json(2)", "res.status(400)", "res.send('x')", "res.set_header('X-A', '1')"]
)
@pytest.mark.parametrize("step", [("", ""), ("async ", "await ")])
@pytest.mark.parametrize("handler", ["", "async "])
def test_middleware_commits_the_first_response_of_a_handler_that_responds_twice(
    tmp_path: Path, again: str, step: tuple[str, str], handler: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": TWICE.format(*step, handler, again)}))
    answer = call(app)
    assert (answer.status, answer.json(), answer.header("X-Later")) == (201, [], "1")
    assert call(app).json() == ["committed"]
    assert caplog.messages == ["GET /api/x changed its response after sending it"] * 2
