"""Dependencies of directories and modules around something else than the handler, such as a cache."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.chain import Step, as_sync
from apiroutes.endpoint import Endpoint, MakeStep
from apiroutes.guards import split_guards
from apiroutes.handler_steps import step_of
from apiroutes.handlers import Handler
from apiroutes.project import composing
from apiroutes.response import Response
from apiroutes.testing import AsyncClient, Client
from tests.exits.cases import CASES, MIDDLEWARE, SESSION, Case, exchanged
from tests.exits.support import HEAD, seen_in, through
from tests.support import app_of, call, project

# Around the handler's own step: what a test puts there.
Inside = Callable[[Callable[[Response], None]], Callable[[Response], None]]


def nothing(step: Callable[[Response], None]) -> Callable[[Response], None]:
    return step


def split_steps(inside: Inside) -> Callable[..., MakeStep]:
    """What makes steps of handlers that are split in two parts, with something between them."""

    def make(endpoint: Endpoint, method: str, handler: Handler) -> Step:
        inner, around = split_guards(endpoint, handler)
        run = inside(as_sync(step_of(endpoint, inner)))
        if around is None:
            return Step(run, False, handler.middleware)
        return Step(around(run), False, handler.middleware, keeps_response=True)

    return lambda *arguments: make


Split = Callable[[Inside], None]


@pytest.fixture
def splitting(monkeypatch: pytest.MonkeyPatch) -> Split:
    """Have Apps split their handlers, with something around the inner parts."""

    def use(inside: Inside) -> None:
        monkeypatch.setattr(composing, "step_maker", split_steps(inside))

    use(nothing)
    return use


# -- the ends


def guarded(case: Case) -> str:
    """The source of a case whose session is around the handler, and no parameter of it."""
    scope = ', scope="function"' if "EARLY" in case.parameters else ""
    parameters = ["res", *(part for part in case.parameters.split(", ") if part.startswith("page"))]
    return (
        f"dependencies = [Depends(session{scope})]\ndb = 'db'\nHANDLERdef METHOD({', '.join(parameters)}):\n"
    )


KINDS = [
    ("", "", "no middleware", "wsgi"),
    ("", "", "middleware", "asgi"),
    ("async ", "", "async middleware", "wsgi"),
    ("async ", "async ", "middleware", "wsgi"),
    ("", "async ", "async middleware", "asgi"),
    ("async ", "async ", "no middleware", "asgi"),
]
IDS = [
    f"{'async' if a else 'plain'} handler-{'async' if b else 'plain'} session-{c}-{d}" for a, b, c, d in KINDS
]


@pytest.mark.usefixtures("splitting")
@pytest.mark.parametrize(("handler", "session", "middleware", "interface"), KINDS, ids=IDS)
@pytest.mark.parametrize("case", [case for case in CASES.values() if "user" not in case.line], ids=str)
def test_a_dependency_around_ends_as_one_of_the_handler_does(
    tmp_path: Path, case: Case, handler: str, session: str, middleware: str, interface: str
) -> None:
    method = "GET" if case.method == "HEAD" else case.method
    source = SESSION.replace("ASYNC ", session) + guarded(case)
    source = source.replace("HANDLER", handler).replace("METHOD", method) + f"    {case.line}\n"
    files = {"pages/api/x.py": source}
    if MIDDLEWARE[middleware]:
        files["pages/api/_middleware.py"] = MIDDLEWARE[middleware]
    app = App(project(tmp_path, files))
    status, content = exchanged(through(app, interface), case)
    assert status == case.status
    if case.status != 422:
        assert content == case.content
    seen = seen_in(app)
    if case.reads is not None:  # a server may have taken more chunks than the client
        seen = [note for note in seen if len(note) > 1 or note in case.content]
    assert seen == case.seen.split()


BOTH = """
from apiroutes import Depends
GUARDdef guard():
    seen.append("guard")
    try:
        yield
    except BaseException as error:
        seen.append(f"guard {type(error).__name__}")
        raise
    seen.append("guard ends")
dependencies = [Depends(guard)]
OWNdef own():
    seen.append("own")
    try:
        yield
    except BaseException as error:
        seen.append(f"own {type(error).__name__}")
        RAISES
        raise
    seen.append("own ends")
    COMMITS
def chunks(*parts):
    for part in parts:
        if isinstance(part, BaseException):
            raise part
        seen.append(part)
        yield part
async def async_chunks(*parts):
    for part in chunks(*parts):
        yield part
HANDLERdef GET(res, own: Annotated[None, Depends(own)]):
    LINE
"""

NESTED: dict[str, tuple[str, str, str, int, str]] = {
    "a result": ("return 1", "", "", 200, "guard, own, own ends, guard ends"),
    "a fault": ("raise KeyError", "", "", 500, "guard, own, own KeyError, guard KeyError"),
    "an error of a fault": (
        "raise KeyError",
        "raise ApiError(409) from error",
        "",
        409,
        "guard, own, own KeyError, guard ApiError",
    ),
    "a failing commit": (
        "return 1",
        "",
        "raise ApiError(409)",
        409,
        "guard, own, own ends, guard ApiError",
    ),
    "a stream": ("return CHUNKS('a', 'b')", "", "", 200, "guard, own, a, b, own ends, guard ends"),
    "a stream that fails": (
        "return CHUNKS('a', KeyError())",
        "",
        "",
        200,
        "guard, own, a, own KeyError, guard KeyError",
    ),
    "a stream that fails with an error for it": (
        "return CHUNKS('a', KeyError())",
        "raise ApiError(409) from error",
        "",
        200,
        "guard, own, a, own KeyError, guard ApiError",
    ),
    "a stream whose commit fails": (
        "return CHUNKS('a')",
        "",
        "raise ApiError(409)",
        200,
        "guard, own, a, own ends, guard ApiError",
    ),
    "a stream that is left": (
        "return CHUNKS('a', 'b', 'c', 'd')",
        "",
        "",
        200,
        "guard, own, a, own LEFT, guard LEFT",
    ),
}


@pytest.mark.usefixtures("splitting")
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("guard", ["", "async "])
@pytest.mark.parametrize("own", ["", "async "])
@pytest.mark.parametrize(("handler", "stream"), [("", "chunks"), ("async ", "async_chunks")])
@pytest.mark.parametrize(("line", "raises", "commits", "status", "seen"), NESTED.values(), ids=NESTED)
def test_the_handlers_own_dependencies_end_before_those_around_it(
    tmp_path: Path,
    line: str,
    raises: str,
    commits: str,
    status: int,
    seen: str,
    handler: str,
    stream: str,
    own: str,
    guard: str,
    interface: str,
) -> None:
    source = HEAD + BOTH.replace("GUARD", guard).replace("OWN", own).replace("HANDLER", handler)
    source = source.replace("RAISES", raises).replace("COMMITS", commits)
    source = source.replace("LINE", line.replace("CHUNKS", stream))
    app = app_of(tmp_path, source)
    reads = 1 if "'d'" in line else None
    answered, _ = exchanged(through(app, interface), Case(line, status, "", "", reads=reads))
    # A server may have taken more chunks than the client, and tells a thread and a coroutine differently.
    notes = [note for note in seen_in(app) if reads is None or note not in ("b", "c", "d")]
    notes = [note.replace("GeneratorExit", "LEFT").replace("ResponseAborted", "LEFT") for note in notes]
    assert (answered, notes) == (status, seen.split(", "))


# -- what is around


def answer_first(step: Callable[[Response], None]) -> Callable[[Response], None]:
    """A cache, as far as guards know: it answers without the handler."""

    def run(response: Response) -> None:
        response.json({"stored": True})

    return run


SIGNED_IN = """
from apiroutes import ApiError, Depends
seen = []
PREFIXdef signed_in(req, res):
    seen.append("signed in?")
    if "Authorization" not in req.headers:
        raise ApiError(401)
    res.set_header("X-User", req.headers["Authorization"])
dependencies = [Depends(signed_in)]
HANDLERdef GET():
    seen.append("handler")
    return 1
"""


@pytest.mark.parametrize("prefix", ["", "async "])
@pytest.mark.parametrize("handler", ["", "async "])
def test_guards_run_for_every_request_whatever_is_inside(
    tmp_path: Path, splitting: Split, prefix: str, handler: str
) -> None:
    splitting(answer_first)
    app = app_of(tmp_path, SIGNED_IN.replace("PREFIX", prefix).replace("HANDLER", handler))
    assert call(app).status == 401
    answer = call(app, headers=[("Authorization", "ada")])
    assert (answer.json(), answer.header("X-User")) == ({"stored": True}, "ada")
    assert call(app, headers=[("Authorization", "ben")]).header("X-User") == "ben"
    assert seen_in(app) == ["signed in?"] * 3


@pytest.mark.usefixtures("splitting")
def test_those_of_directories_come_first_and_the_handlers_own_last(tmp_path: Path) -> None:
    note = "from apiroutes import Depends\ndef {0}(req): req.context.setdefault('seen', []).append('{0}')\n"
    files = {
        "pages/api/_middleware.py": note.format("outer") + "dependencies = [Depends(outer)]\n",
        "pages/api/a/_middleware.py": note.format("inner") + "dependencies = [Depends(inner)]\n",
        "pages/api/a/x.py": note.format("module")
        + note.format("own")
        + "from typing import Annotated\ndependencies = [Depends(module)]\n"
        + "def GET(req, own: Annotated[None, Depends(own)]): return req.context['seen']\n",
    }
    app = App(project(tmp_path, files))
    assert call(app, "GET", "/api/a/x").json() == ["outer", "inner", "module", "own"]


def test_what_is_inside_is_not_called_when_a_dependency_has_responded(
    tmp_path: Path, splitting: Split
) -> None:
    splitting(answer_first)
    source = "from apiroutes import Depends\ndef guard(res): res.status(403).json('no')\n"
    app = app_of(tmp_path, source + "dependencies = [Depends(guard)]\ndef GET(): return 1\n")
    answer = call(app)
    assert (answer.status, answer.json()) == (403, "no")


SAME = {
    "a result": "return [1]",
    "an error": "raise ApiError(404)",
    "a fault": "raise ValueError",
    "headers and an error": "res.set_header('X-Handler', '1'); raise ApiError(404)",
    "a response and a fault": "res.json(1); raise ValueError",
    "two responses": "res.json(1); res.json(2)",
    "a redirect": "return res.redirect('/x')",
}
HEADERS = """
from apiroutes import ApiError, Depends
def guard(res):
    res.set_header("X-Guard", "1")
dependencies = [Depends(guard)]
"""
CORS = "def middleware(req, res, next):\n    res.set_header('X-Middleware', '1')\n    return next()\n"
ASYNC_CORS = CORS.replace("def", "async def").replace("return", "return await")


@pytest.mark.usefixtures("splitting")
@pytest.mark.parametrize("middleware", ["", CORS, ASYNC_CORS], ids=["none", "plain", "async"])
@pytest.mark.parametrize("handler", ["", "async "])
@pytest.mark.parametrize("line", SAME.values(), ids=SAME)
def test_a_split_handler_responds_as_a_whole_one(
    tmp_path: Path,
    splitting: Split,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    handler: str,
    middleware: str,
) -> None:
    files = {"pages/api/x.py": HEADERS + f"{handler}def GET(res):\n    {line}\n"}
    if middleware:
        files["pages/api/_middleware.py"] = middleware
    parts = call(App(project(tmp_path / "split", files)))
    monkeypatch.undo()
    whole = call(App(project(tmp_path / "whole", files)))
    assert (parts.status, parts.headers, parts.body) == (whole.status, whole.headers, whole.body)


@pytest.mark.usefixtures("splitting")
def test_a_handler_that_is_late_leaves_middlewares_headers(tmp_path: Path) -> None:
    source = HEADERS + "import threading\nconfig = {'maxDuration': 0.1}\ngate = threading.Event()\n"
    source += "def GET():\n    gate.wait(20)\n    return 1\n"
    app = App(project(tmp_path, {"pages/api/x.py": source, "pages/api/_middleware.py": CORS}))
    answer = call(app)
    assert (answer.status, answer.header("X-Middleware"), answer.header("X-Guard")) == (504, "1", None)
    module = app.resources["pages/api/x.py"].module
    assert module is not None
    module.handlers["GET"].function.__globals__["gate"].set()


@pytest.mark.usefixtures("splitting")
def test_development_checks_what_a_split_handler_takes(tmp_path: Path) -> None:
    source = "from apiroutes import Depends\ndef guard(page: int): pass\ndependencies = [Depends(guard)]\n"
    app = app_of(tmp_path, source + "def GET() -> int: return 'text'\n", mode="development")
    assert call(app).status == 422
    assert call(app, "GET", "/api/x?page=1").status == 500


def test_a_handler_without_dependencies_around_it_is_not_split(tmp_path: Path) -> None:
    source = "from typing import Annotated\nfrom apiroutes import Depends\ndef own(): return 1\n"
    source += "def GET(): return 1\ndef POST(own: Annotated[int, Depends(own)]): return 1\n"
    resource = app_of(tmp_path, source).resources["pages/api/x.py"]
    assert resource.module is not None
    endpoint = Endpoint(resource.module, resource.limits)
    for handler in resource.module.handlers.values():
        assert split_guards(endpoint, handler) == (handler, None)


# -- tests and listings

SHARED = """
from typing import Annotated
from apiroutes import Depends
def user(): return "real"
def guard(req, user: Annotated[str, Depends(user)]): req.context["guard"] = user
dependencies = [Depends(guard)]
def GET(req, user: Annotated[str, Depends(user)]): return [req.context["guard"], user]
"""


@pytest.mark.usefixtures("splitting")
def test_an_override_is_of_both_parts(tmp_path: Path) -> None:
    app = app_of(tmp_path, SHARED)
    module = app.resources["pages/api/x.py"].module
    assert module is not None
    user = module.handlers["GET"].function.__globals__["user"]
    with Client(app) as client:
        assert client.get("/api/x").get_json() == ["real", "real"]
        with client.override(user, lambda: "fake"):
            assert client.get("/api/x").get_json() == ["fake", "fake"]
        assert client.get("/api/x").get_json() == ["real", "real"]


@pytest.mark.usefixtures("splitting")
def test_an_override_of_both_parts_may_be_async(tmp_path: Path) -> None:
    app = app_of(tmp_path, SHARED)
    module = app.resources["pages/api/x.py"].module
    assert module is not None
    guard = module.handlers["GET"].function.__globals__["guard"]

    async def other(req: Any) -> None:
        await asyncio.sleep(0)
        req.context["guard"] = "other"

    async def run() -> Any:
        async with AsyncClient(app) as client:
            client.override(guard, other)
            return (await client.get("/api/x")).get_json()

    assert asyncio.run(run()) == ["other", "real"]


@pytest.mark.usefixtures("splitting")
def test_the_route_shows_all_its_dependencies(tmp_path: Path) -> None:
    app = app_of(tmp_path, SHARED)
    module = app.resources["pages/api/x.py"].module
    assert module is not None
    assert module.handlers["GET"].dependency_names == ["user", "guard"]
