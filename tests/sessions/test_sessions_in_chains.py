"""Sessions around other code: middleware, streams, errors, other applications, two sessions at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from apiroutes import App
from apiroutes.cli import main
from tests.sessions.session_cases import KEY, Browser, app_with
from tests.start_reports import problems_of
from tests.support import Answer, call, project

PRIVATE = "private, no-cache"
KINDS = pytest.mark.parametrize("options", ["", "store='memory'", "store='sqlite'"])

# What a handler takes of a session, and what it is called as.
TAKERS = {
    "by type": "from apiroutes import Session\ndef GET(session: Session): return dict(session)",
    "by type under another name": "from apiroutes import Session\ndef GET(s: Session): return dict(s)",
    "by a deferred type": (
        "from __future__ import annotations\n"
        "from apiroutes import Session\n"
        "def GET(*, session: Session): return dict(session)"
    ),
    "beside others": (
        "from apiroutes import Session\ndef GET(req, session: Session, q: int = 1): return dict(session)"
    ),
    "by a dependency": (
        "from typing import Annotated\n"
        "from apiroutes import Depends, Session\n"
        "def values(session: Session): return dict(session)\n"
        "def GET(values: Annotated[dict, Depends(values)]): return values"
    ),
    "by an async dependency": (
        "from typing import Annotated\n"
        "from apiroutes import Depends, Session\n"
        "async def values(session: Session): return dict(session)\n"
        "async def GET(values: Annotated[dict, Depends(values)]): return values"
    ),
    "in an async handler": "async def GET(req): return dict(req.session)",
    "under a deadline": "config = {'maxDuration': 30}\ndef GET(req): return dict(req.session)",
    "under a deadline on a loop": (
        "config = {'maxDuration': 30}\nasync def GET(req): return dict(req.session)"
    ),
    "in a stream": "def GET(req):\n    import json\n    yield json.dumps(dict(req.session))",
    "by an async stream": "async def GET(req):\n    import json\n    yield json.dumps(dict(req.session))",
}


@KINDS
@pytest.mark.parametrize("source", TAKERS.values(), ids=TAKERS)
def test_a_handler_takes_the_session(tmp_path: Path, source: str, options: str) -> None:
    browser = Browser(app_with(tmp_path, options, files={"pages/api/taker.py": source}))
    browser.run("session['a'] = 1")
    answer = browser.call(target="/api/taker")
    assert answer.json() == {"a": 1}
    assert answer.all("Set-Cookie") == []
    assert answer.all("Vary") == ["Cookie"]
    assert answer.header("Cache-Control") == PRIVATE


CHANGERS = {
    "a handler": "def GET(req): req.session['b'] = 2; return 1",
    "an async handler": "async def GET(req): req.session['b'] = 2; return 1",
    "under a deadline": "config = {'maxDuration': 30}\ndef GET(req): req.session['b'] = 2; return 1",
    "under a deadline on a loop": (
        "config = {'maxDuration': 30}\nasync def GET(req): req.session['b'] = 2; return 1"
    ),
    "a stream before its first chunk": "def GET(req):\n    req.session['b'] = 2\n    yield 'x'",
    "an async stream": "async def GET(req):\n    req.session['b'] = 2\n    yield 'x'",
    "a handler that writes": (
        "def GET(req, res):\n    req.session['b'] = 2\n    res.write('x')\n    res.end()"
    ),
    "an async handler that writes": (
        "async def GET(req, res):\n    req.session['b'] = 2\n    res.write('x')\n    res.end()"
    ),
    "a dependency": (
        "from apiroutes import Depends\n"
        "def change(req): req.session['b'] = 2\n"
        "dependencies = [Depends(change)]\n"
        "def GET(): return 1"
    ),
    "the end of a dependency": (
        "from apiroutes import Depends\n"
        "def change(req):\n    yield\n    req.session['b'] = 2\n"
        "dependencies = [Depends(change)]\n"
        "def GET(): return 1"
    ),
    "middleware before the handler": (
        "def change(req, res, next):\n    req.session['b'] = 2\n    return next()\n"
        "middleware = [change]\ndef GET(): return 1"
    ),
    "middleware after the handler": (
        "def change(req, res, next):\n    next()\n    req.session['b'] = 2\n"
        "middleware = [change]\ndef GET(): return 1"
    ),
    "async middleware after the handler": (
        "async def change(req, res, next):\n    await next()\n    req.session['b'] = 2\n"
        "middleware = [change]\nasync def GET(): return 1"
    ),
    "middleware that answers instead": (
        "def change(req, res, next):\n    req.session['b'] = 2\n    return {}\n"
        "middleware = [change]\ndef GET(): return 1"
    ),
    "middleware that answers in place of an error": (
        "def change(req, res, next):\n"
        "    try:\n        next()\n"
        "    except ZeroDivisionError:\n        return {}\n"
        "middleware = [change]\n"
        "def GET(req):\n    req.session['b'] = 2\n    1 / 0"
    ),
    "before_head": (
        "def change(res): res.req.session['b'] = 2\ndef GET(res):\n    res.before_head(change)\n    return 1"
    ),
    "a WSGI application": (
        "from werkzeug import Response\ndef GET(req):\n    req.session['b'] = 2\n    return Response('x')"
    ),
    "inside of WSGI middleware": (
        "from apiroutes import from_wsgi\n"
        "class Plain:\n"
        "    def __init__(self, app): self.app = app\n"
        "    def __call__(self, environ, start_response): return self.app({**environ}, start_response)\n"
        "middleware = [from_wsgi(Plain)]\n"
        "def GET(req): req.session['b'] = 2; return 1"
    ),
    "inside of WSGI middleware that calls twice": (
        "from apiroutes import from_wsgi\n"
        "class Twice:\n"
        "    def __init__(self, app): self.app = app\n"
        "    def __call__(self, environ, start_response):\n"
        "        list(self.app(environ, start_response))\n"
        "        return self.app(environ, start_response)\n"
        "middleware = [from_wsgi(Twice)]\n"
        "def GET(req): req.session['b'] = 2; return 1"
    ),
    "a 404": (
        "from apiroutes import ApiError\ndef GET(req):\n    req.session['b'] = 2\n    raise ApiError(404)"
    ),
    "a file": "from apiroutes import file\ndef GET(req): req.session['b'] = 2; return file(__file__)",
}


@KINDS
@pytest.mark.parametrize("source", CHANGERS.values(), ids=CHANGERS)
def test_a_change_is_kept(tmp_path: Path, source: str, options: str) -> None:
    browser = Browser(app_with(tmp_path, options, files={"pages/api/changer.py": source}))
    browser.run("session['a'] = 1")
    assert browser.call(target="/api/changer").status < 500
    assert browser.values() == {"a": 1, "b": 2}


def test_a_head_request_keeps_what_it_has_changed(tmp_path: Path) -> None:
    browser = Browser(app_with(tmp_path, files={"pages/api/changer.py": CHANGERS["a handler"]}))
    browser.call("HEAD", "/api/changer")
    assert browser.values() == {"b": 2}


def test_a_304_has_the_cookie_of_a_changed_session(tmp_path: Path) -> None:
    source = "def GET(req, res):\n    res.set_header('ETag', '\"1\"')\n    req.session['b'] = 2\n    return 1"
    browser = Browser(app_with(tmp_path, files={"pages/api/changer.py": source}))
    answer = browser.call(target="/api/changer", headers=[("If-None-Match", '"1"')])
    assert answer.status == 304
    assert answer.all("Vary") == ["Cookie"]
    assert browser.values() == {"b": 2}


@pytest.mark.parametrize(("method", "target", "status"), [("GET", "/api/none", 404), ("PUT", "/api/x", 405)])
def test_middleware_changes_the_session_of_what_no_handler_answers(
    tmp_path: Path, method: str, target: str, status: int
) -> None:
    source = (
        "from apiroutes.middleware import sessions\n"
        "def count(req, res, next):\n"
        "    req.session['b'] = req.session.get('b', 1) + 1\n"
        "    return next()\n"
        "middleware = [sessions(), count]\n"
    )
    browser = Browser(app_with(tmp_path, files={"middleware.py": source}))
    assert browser.call(method, target).status == status
    assert browser.values() == {"b": 3}


# -- what others may keep


def headers_of(root: Path, code: str) -> Answer:
    source = f"from apiroutes import *\ndef GET(req, res):\n    {code}\n"
    return call(app_with(root, files={"pages/api/y.py": source}), target="/api/y")


@pytest.mark.parametrize(
    ("code", "vary", "control"),
    [
        ("return 1", [], None),
        ("req.session; return 1", ["Cookie"], PRIVATE),
        ("req.session; res.set_header('Vary', 'Accept'); return 1", ["Accept, Cookie"], PRIVATE),
        ("req.session; res.set_header('Cache-Control', 'max-age=5'); return 1", ["Cookie"], "max-age=5"),
        ("req.session; raise ApiError(401)", ["Cookie"], "no-store"),
        ("req.session; return redirect('/')", ["Cookie"], PRIVATE),
    ],
)
def test_a_touched_session_keeps_the_answer_from_shared_caches(
    tmp_path: Path, code: str, vary: list[str], control: str | None
) -> None:
    answer = headers_of(tmp_path, code)
    assert answer.all("Vary") == vary
    assert answer.header("Cache-Control") == control


# -- too late


@pytest.mark.parametrize(
    "source",
    [
        "def GET(req):\n    yield 'x'\n    req.session['a'] = 1\n",
        "def GET(req):\n    req.session\n    yield 'x'\n    req.session['a'] = 1\n",
        "async def GET(req):\n    yield 'x'\n    req.session['a'] = 1\n",
        "def GET(req, res):\n    res.write('x')\n    req.session['a'] = 1\n",
        "def GET(req, res):\n    req.session\n    res.write('x')\n    req.session.clear()\n",
        (
            "from apiroutes import after\n"
            "def GET(req):\n    after(lambda: req.session.update(a=1))\n    return 1\n"
        ),
        (
            "from apiroutes import after\n"
            "def GET(req):\n    session = req.session\n    after(lambda: session.update(a=1))\n    return 1\n"
        ),
    ],
)
def test_a_change_after_the_head_has_left_is_an_error(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(tmp_path, files={"pages/api/late.py": source})
    try:
        assert call(app, target="/api/late").all("Set-Cookie") == []
    except ConnectionError:
        pass
    finally:
        app.stop()
    assert "the session cannot change any more" in caplog.text


LATE = {
    "a handler": (
        "config = {'maxDuration': 0.05}\nfrom .common import late\n"
        "def GET(req):\n"
        "    session = req.session\n    session['late'] = 1\n"
        "    late.wait(30)\n    session['later'] = 1\n    return 1\n"
    ),
    "an async handler": (
        "import asyncio\nconfig = {'maxDuration': 0.05}\n"
        "async def GET(req):\n    req.session['late'] = 1\n    await asyncio.sleep(30)\n"
    ),
}


@KINDS
@pytest.mark.parametrize("source", LATE.values(), ids=LATE)
def test_nothing_of_a_request_that_is_late_is_kept(tmp_path: Path, source: str, options: str) -> None:
    files = {
        "pages/api/late.py": source.replace(".common", "lib.common"),
        "lib/common.py": "import threading\nlate = threading.Event()\n",
        "pages/api/release.py": "from lib.common import late\ndef GET(): late.set(); return 1\n",
    }
    browser = Browser(app_with(tmp_path, options, files=files))
    browser.run("session['a'] = 1")
    assert browser.call(target="/api/late").status == 504
    browser.call(target="/api/release")
    assert browser.values() == {"a": 1}


# -- what shows it


def test_the_list_of_routes_shows_sessions(tmp_path: Path) -> None:
    app_with(tmp_path, "store='sqlite'")
    shown = CliRunner().invoke(main, ["routes", "--root", str(tmp_path)]).output
    assert re.search(r"\bsessions\b", shown)


@KINDS
@pytest.mark.parametrize("handler", ["def GET(req): return 1", "async def GET(req): return 1"])
def test_a_step_in_a_span_is_the_same(tmp_path: Path, options: str, handler: str) -> None:
    source = handler.replace("return 1", "req.session['b'] = 2; return 1")
    app = app_with(tmp_path, options, files={"pages/api/changer.py": source}, telemetry="detailed")
    browser = Browser(app)
    browser.run("session['a'] = 1")
    browser.call(target="/api/changer")
    assert browser.values() == {"a": 1, "b": 2}


def test_the_document_of_the_api_knows_nothing_of_a_session(tmp_path: Path) -> None:
    app = app_with(tmp_path, files={"pages/api/taker.py": TAKERS["beside others"]})
    operation = app.openapi()["paths"]["/api/taker"]["get"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["q"]


# -- two sessions around a route

BOTH = (
    "from apiroutes.middleware import sessions\n"
    "def outside(req, res, next):\n"
    "    session = req.session\n"
    "    session['n'] = session.get('n', 0) + 1\n"
    "    result = next()\n"
    "    assert req.session is session\n"
    "    return result\n"
    "middleware = [sessions(name='outer'), outside, sessions(name='inner')]\n"
)


def test_the_inner_of_two_sessions_is_the_handlers(tmp_path: Path) -> None:
    browser = Browser(app_with(tmp_path, files={"middleware.py": BOTH}))
    browser.run("session['a'] = 1")
    assert browser.values() == {"a": 1}
    assert set(browser.cookies) == {"outer", "inner"}


def test_an_inner_session_is_none_of_the_outer_ones(tmp_path: Path) -> None:
    browser = Browser(app_with(tmp_path, files={"middleware.py": BOTH}))
    browser.run("session['a'] = 1")
    browser.cookies = {"outer": browser.cookies["inner"], "inner": browser.cookies["outer"]}
    assert browser.values() == {}


@pytest.mark.parametrize(
    ("outer", "inner", "is_right"),
    [
        ("", "", False),
        ("", "store='memory'", False),
        ("name='a'", "name='a'", False),
        ("name='a'", "name='b'", True),
        ("", "name='b'", True),
        ("", "path='/api'", False),
        ("", "name='__Host-session'", False),
        ("secure=True", "secure=False", True),
    ],
)
@pytest.mark.parametrize("place", ["middleware = [sessions({})]", "use(sessions({}))"])
def test_two_sessions_may_not_have_one_cookie(
    tmp_path: Path, outer: str, inner: str, is_right: bool, place: str
) -> None:
    head = "from apiroutes import use\nfrom apiroutes.middleware import sessions\n"
    line = place.format(inner)
    source = f"{head}{'@' * line.startswith('use')}{line}\ndef GET(): return 1\n"
    files = {"pages/api/x.py": source}
    if is_right:
        app_with(tmp_path, outer, files)
        return
    files["middleware.py"] = f"{head}middleware = [sessions({outer})]"
    (problem,) = problems_of(tmp_path, files, secret_key=KEY)
    assert problem.file == "pages/api/x.py"
    assert "`GET` is inside two `sessions()` with the same cookie" in problem.message


def test_a_session_of_the_projects_own_takes_the_place(tmp_path: Path) -> None:
    source = "def middleware(req, res, next):\n    req.session = {'mine': 1}\n    return next()\n"
    app: App = app_with(
        tmp_path, files={"middleware.py": source, "pages/api/y.py": "def GET(req): return req.session"}
    )
    assert call(app, target="/api/y").json() == {"mine": 1}


# -- another user


@KINDS
@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("session.rotate(owner='bob')", {}),
        ("session['b'] = 2; session.rotate(owner='bob')", {}),
        ("session.rotate(owner='bob'); session['b'] = 2", {"b": 2}),
        ("session.rotate(); session.rotate(owner='bob')", {}),
        ("session.rotate(owner='cy'); session['b'] = 2; session.rotate(owner='bob')", {}),
    ],
)
def test_who_signs_in_over_another_user_has_nothing_of_theirs(
    tmp_path: Path, options: str, code: str, kept: object
) -> None:
    browser = Browser(app_with(tmp_path, options))
    browser.run("session['a'] = 1; session.rotate(owner='ada')")
    browser.run(code)
    assert browser.read() == {"values": kept, "owner": "bob", "is_new": False}


@KINDS
@pytest.mark.parametrize("code", ["session.rotate(owner='ada')", "session.rotate()"])
def test_who_signs_in_again_keeps_what_there_is(tmp_path: Path, options: str, code: str) -> None:
    browser = Browser(app_with(tmp_path, options))
    browser.run("session['a'] = 1; session.rotate(owner='ada')")
    browser.run(code)
    assert browser.read() == {"values": {"a": 1}, "owner": "ada", "is_new": False}


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_the_session_of_another_user_has_ended_for_everybody(tmp_path: Path, store: str) -> None:
    browser = Browser(app_with(tmp_path, f"store={store!r}"))
    browser.run("session['a'] = 1; session.rotate(owner='ada')")
    before = dict(browser.cookies)
    browser.run("session.rotate(owner='bob')")
    browser.cookies = before
    assert browser.read() == {"values": {}, "owner": None, "is_new": True}


# -- no sessions around

MISSING = [
    *[source for name, source in TAKERS.items() if "Session" in source],
    "from apiroutes import Session\n"
    "from apiroutes.middleware import request_id\nmiddleware = [request_id()]\n"
    "def GET(session: Session): return 1",
    "from apiroutes import Depends, Session\n"
    "def values(session: Session): return 1\n"
    "dependencies = [Depends(values)]\n"
    "def GET(): return 1",
]


@pytest.mark.parametrize("source", MISSING)
def test_a_session_that_nothing_keeps_is_a_mistake(tmp_path: Path, source: str) -> None:
    (problem,) = problems_of(tmp_path, {"pages/api/x.py": source})
    assert problem.file == "pages/api/x.py"
    assert problem.message.endswith("uses the session, but no `sessions()` is around the route.")
    assert "middleware = [sessions()]" in problem.remedy


OF_ITS_OWN = "def middleware(req, res, next):\n    req.session = {'mine': 1}\n    return next()\n"


@pytest.mark.parametrize(
    "files",
    [
        {"middleware.py": OF_ITS_OWN},
        {"pages/api/_middleware.py": OF_ITS_OWN},
        {"pages/api/x.py": OF_ITS_OWN + MISSING[0]},
    ],
)
def test_middleware_of_the_project_may_keep_the_session(tmp_path: Path, files: dict[str, str]) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": MISSING[0], **files}))
    assert call(app, target="/api/x").json() == {"mine": 1}


@pytest.mark.parametrize("place", ["middleware = [sessions()]\n", "@use(sessions())\n"])
def test_sessions_of_the_route_alone_will_do(tmp_path: Path, place: str) -> None:
    source = "from apiroutes import Session, use\nfrom apiroutes.middleware import sessions\n"
    source += f"{place}def GET(session: Session): return dict(session)"
    app = App(project(tmp_path, {"pages/api/x.py": source}), secret_key=KEY)
    assert call(app, target="/api/x").json() == {}
