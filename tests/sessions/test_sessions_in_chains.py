"""Sessions around other code: middleware, streams, errors, other applications, two sessions at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from tests.sessions.session_cases import Browser, app_with
from tests.support import Answer, call

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


def test_a_session_of_the_projects_own_takes_the_place(tmp_path: Path) -> None:
    source = "def middleware(req, res, next):\n    req.session = {'mine': 1}\n    return next()\n"
    app: App = app_with(
        tmp_path, files={"middleware.py": source, "pages/api/y.py": "def GET(req): return req.session"}
    )
    assert call(app, target="/api/y").json() == {"mine": 1}
