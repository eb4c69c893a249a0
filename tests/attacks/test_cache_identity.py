"""Nothing that tells one user from another reaches an answer that others get, whatever a handler does wrong.

Each route says who asks, in a way of its own. Alice, Bob and nobody ask, twice and in every order: no answer
may hold the name of somebody else.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from apiroutes import App
from tests.support import Answer, app_of, call, project

SIGN_IN = """
import threading
from contextvars import ContextVar

current = ContextVar("current", default="nobody")
local = threading.local()
by_request = {}

class State: ...

def middleware(req, res, next):
    user = req.headers.get("X-Key", "nobody")
    req.user = user
    req.state = State()
    req.state.user = user
    req.session = {"user": user}
    req.context["user"] = user
    req.params["user"] = user
    req.environ["app.user"] = user
    req.environ["REMOTE_USER"] = user
    req.environ["HTTP_X_USER"] = user
    req.query["user"] = user
    res.user = user
    res.set_header("X-User", user)
    token = current.set(user)
    try:
        next()
    finally:
        current.reset(token)
"""
HANDLER = """
from ._middleware import current, local
revalidate = 60

def who(req, res):
    {body}

def GET(req, res):
    res.json({{"user": who(req, res)}})
"""
ASYNC_HANDLER = (
    HANDLER.replace("def who", "async def who")
    .replace("def GET", "async def GET")
    .replace("who(req, res)}}", "await who(req, res)}}")
)

# What the handler does to learn who asks.
WAYS = {
    "an attribute": "return req.user",
    "getattr": "return getattr(req, 'user', 'nobody')",
    "hasattr": "return req.user if hasattr(req, 'user') else 'nobody'",
    "vars": "return vars(req).get('user', 'nobody')",
    "its dictionary": "return req.__dict__.get('user', 'nobody')",
    "an object": "return req.state.user",
    "a session": "return req.session['user']",
    "the context": "return req.context['user']",
    "the context, get": "return req.context.get('user', 'nobody')",
    "the context, in": "return 'user' in req.context and req.context['user']",
    "the context, copied": "return dict(req.context).get('user', 'nobody')",
    "the context, matched": (
        "match req.context:\n        case {'user': user}: return user\n    return 'nobody'"
    ),
    "the context, unpacked": "return {**req.context}.get('user', 'nobody')",
    "the context, or": "return (req.context | {}).get('user', 'nobody')",
    "the context, popped": "return req.context.pop('user', 'nobody')",
    "the context, items": "return [*req.context.items()]",
    "the context, swallowed": (
        "try:\n        return req.context['user']\n    except BaseException:\n        return 'nobody'"
    ),
    "the context, as finally": "try:\n        return req.context['user']\n    finally:\n        pass",
    "the parameters": "return req.params.get('user', 'nobody')",
    "the query": "return req.query.get('user', 'nobody')",
    "the environ": "return req.environ.get('app.user', 'nobody')",
    "the environ, copied": "return dict(req.environ).get('app.user', 'nobody')",
    "the environ, or": "return (req.environ | {}).get('app.user', 'nobody')",
    "the environ, unpacked": "return {**req.environ}.get('REMOTE_USER', 'nobody')",
    "the server's user": "return req.remote_user or 'nobody'",
    "a header of middleware's": "return req.headers.get('X-User', 'nobody')",
    "its key": "return req.headers.get('X-Key', 'nobody')",
    "all headers": "return dict(req.headers).get('X-Key', 'nobody')",
    "headers as text": "return [line for line in str(req.headers).splitlines() if 'Key' in line]",
    "a context variable": "return current.get()",
    "a copied context": "import contextvars\n    return contextvars.copy_context().get(current, 'nobody')",
    "the response": "return getattr(res, 'user', 'nobody')",
    "a response header": "return res.headers.get('X-User', 'nobody')",
    "the response's request": "return getattr(res.req, 'user', 'nobody')",
    "another thread": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "    with ThreadPoolExecutor(1) as pool: return pool.submit(lambda: req.user).result()"
    ),
    "a generator": "return next(req.context[name] for name in ['user'])",
}

PEOPLE = ["alice", "bob", ""]


def ask(app: App, person: str, path: str = "/api/x", **extra: str) -> Answer:
    headers = [("X-Key", person), *extra.items()] if person else [*extra.items()]
    return call(app, "GET", path, headers)


def leaks(answers: Callable[[str], Answer]) -> list[str]:
    """Return the answers that hold the name of somebody else; in every order of those who ask."""
    wrong = []
    for order in itertools.permutations(PEOPLE):
        for person in [*order, *order]:
            answer = answers(person)
            others = {other for other in PEOPLE if other and other != person}
            # A failure is no leak, and is told by the status.
            text = answer.text + answer.headers.__repr__().replace("X-Key", "")
            wrong += [f"{person or 'nobody'} got {text}" for other in others if other in text]
    return wrong


def secured(root: Path, source: str, settings: str = "") -> App:
    files = {"pages/api/_middleware.py": SIGN_IN, "pages/api/x.py": source}
    if settings:
        files["pyproject.toml"] = f"[tool.apiroutes]\n{settings}\n"
    return App(project(root, files))


@pytest.mark.parametrize("source", [HANDLER, ASYNC_HANDLER], ids=["sync", "async"])
@pytest.mark.parametrize("way", WAYS)
def test_nobody_gets_the_answer_of_somebody_else(tmp_path: Path, way: str, source: str) -> None:
    app = secured(tmp_path, source.format(body=WAYS[way]))
    assert leaks(lambda person: ask(app, person)) == []


@pytest.mark.parametrize("way", ["an attribute", "the context", "a session", "an object"])
def test_a_handler_that_needs_the_user_gets_the_real_one(tmp_path: Path, way: str) -> None:
    app = secured(tmp_path, HANDLER.format(body=WAYS[way]))
    for person in ["alice", "bob", "alice", "bob"]:
        answer = ask(app, person)
        assert answer.json() == {"user": person}
        assert "stored" not in (answer.header("Cache-Status") or "")


@pytest.mark.parametrize("way", ["an attribute", "the context", "its key"])
@pytest.mark.parametrize("word", ["force-static", "error"])
def test_a_static_route_knows_nobody(tmp_path: Path, way: str, word: str) -> None:
    source = HANDLER.replace("revalidate = 60", f'dynamic = "{word}"').format(body=WAYS[way])
    app = secured(tmp_path, source)
    assert leaks(lambda person: ask(app, person)) == []


def test_the_cookies_and_the_authorization_of_others_stay_with_them(tmp_path: Path) -> None:
    source = (
        "revalidate = 60\n"
        "def GET(req): return {'user': [req.cookies.get('sid'), req.headers.get('Authorization')]}\n"
    )
    app = app_of(tmp_path, source)
    for name, value in (("Cookie", "sid={}"), ("Authorization", "Bearer {}")):

        def send(person: str, name: str = name, value: str = value) -> Answer:
            return call(app, headers=[(name, value.format(person))] if person else [])

        assert leaks(send) == []


@pytest.mark.parametrize("cookies", ["'ignore'", "'bypass'"])
def test_cookies_that_are_ignored_are_seen_by_no_handler(tmp_path: Path, cookies: str) -> None:
    reads = (
        "[dict(req.cookies), req.headers.get('Cookie'), req.environ.get('HTTP_COOKIE'), sorted(req.headers)]"
    )
    source = (
        f"config = {{'cache': {{'revalidate': 60, 'cookies': {cookies}}}}}\ndef GET(req): return {reads}\n"
    )
    app = app_of(tmp_path, source)
    assert leaks(lambda person: call(app, headers=[("Cookie", f"sid={person}")] if person else [])) == []


DEPENDS = """
from typing import Annotated
from apiroutes import Depends
from ._middleware import current
revalidate = 60

def user(req):
    {body}

def GET(user: Annotated[object, Depends(user)]):
    return {{"user": user}}
"""


@pytest.mark.parametrize("way", [way for way in WAYS if not re.search(r"\bres\b", WAYS[way])])
def test_nobody_gets_what_a_dependency_knows_of_somebody_else(tmp_path: Path, way: str) -> None:
    app = secured(tmp_path, DEPENDS.format(body=WAYS[way]))
    assert leaks(lambda person: ask(app, person)) == []


GUARD = """
from apiroutes import ApiError

def middleware(req, res, next):
    if req.headers.get("X-Key") is None:
        raise ApiError(401, "Who are you?")
    next()
"""


def test_a_guard_is_asked_for_hits_too(tmp_path: Path) -> None:
    handler = "revalidate = 60\ndef GET(): return 'for members'\n"
    files = {"pages/api/_middleware.py": GUARD, "pages/api/x.py": handler}
    app = App(project(tmp_path, files))
    assert [ask(app, person).status for person in ["alice", "", "bob", "", ""]] == [200, 401, 200, 401, 401]


def test_what_middleware_adds_to_its_own_response_is_not_stored(tmp_path: Path) -> None:
    middleware = (
        "def middleware(req, res, next):\n"
        "    user = req.headers.get('X-Key', 'nobody')\n"
        "    res.set_header('X-Before', user)\n    res.set_cookie('before', user)\n"
        "    next()\n"
        "    res.set_header('X-After', user)\n    res.set_cookie('after', user)\n"
        "    res.append_header('Link', user)\n"
    )
    files = {
        "pages/api/_middleware.py": middleware,
        "pages/api/x.py": "revalidate = 60\ndef GET(): return 1\n",
    }
    app = App(project(tmp_path, files))
    assert leaks(lambda person: ask(app, person)) == []
    answer = ask(app, "alice")
    assert "hit" in (answer.header("Cache-Status") or "")
    assert answer.header("X-Before") == answer.header("X-After") == "alice"
    assert len(answer.all("Set-Cookie")) == 2
