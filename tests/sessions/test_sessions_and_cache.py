"""Sessions beside the response cache: nothing of one client's session reaches another client."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from apiroutes import App
from tests.sessions.session_cases import Browser, app_with
from tests.support import call

# A handler that says who asks.
WHO = """
{head}
def GET(req):
    return {{"owner": req.session.owner, "name": req.session.get("name")}}
"""
WAYS = {
    "revalidate": "revalidate = 60",
    "cookies ignored": 'config = {"cache": {"revalidate": 60, "cookies": "ignore"}}',
    "force-static": 'dynamic = "force-static"',
    "error": 'dynamic = "error"\nrevalidate = 60',
    "async": "revalidate = 60",
    "a query": 'config = {"cache": {"revalidate": 60, "query": []}}',
}
STORES = pytest.mark.parametrize("options", ["", "store='sqlite'"])


def who(name: str) -> str:
    source = WHO.format(head=WAYS[name])
    return source.replace("def GET", "async def GET") if name == "async" else source


def browsers(app: App) -> tuple[Browser, Browser, Browser]:
    """Nobody, Ada and Bob."""
    nobody, *others = (Browser(app) for _ in range(3))
    for browser, owner in zip(others, ("ada", "bob")):
        browser.run(f"session.rotate(owner={owner!r}); session['name'] = {owner!r}")
    return nobody, others[0], others[1]


def orders() -> list[Sequence[int]]:
    return [(*order, *order) for order in itertools.permutations(range(3))]


@STORES
@pytest.mark.parametrize("way", WAYS)
def test_a_cached_handler_that_touches_the_session_answers_each_client_alone(
    tmp_path: Path, way: str, options: str
) -> None:
    for number, order in enumerate(orders()):
        app = app_with(tmp_path / str(number), options, files={"pages/api/who.py": who(way)}, cache="memory")
        clients = browsers(app)
        for position in order:
            answer = clients[position].call(target="/api/who")
            name = (None, "ada", "bob")[position]
            assert answer.json() == {"owner": name, "name": name}
            assert "hit" not in str(answer.header("Cache-Status"))
            assert "stored" not in str(answer.header("Cache-Status"))
            assert answer.header("Cache-Control") in ("private, no-cache", "no-store")
            assert "Cookie" in str(answer.header("Vary"))


@pytest.mark.parametrize("way", ["revalidate", "cookies ignored", "force-static"])
def test_the_answer_says_what_kept_it_from_the_store(tmp_path: Path, way: str) -> None:
    app = app_with(tmp_path, files={"pages/api/who.py": who(way)}, cache="memory")
    assert "detail=context" in str(call(app, target="/api/who").header("Cache-Status"))


@STORES
def test_what_a_cached_handler_sets_in_the_session_is_kept(tmp_path: Path, options: str) -> None:
    source = "revalidate = 60\ndef GET(req): req.session['n'] = req.session.get('n', 0) + 1; return 1\n"
    browser = Browser(app_with(tmp_path, options, files={"pages/api/n.py": source}, cache="memory"))
    browser.call(target="/api/n")
    browser.call(target="/api/n")
    assert browser.values() == {"n": 2}


COUNT = """
from apiroutes.middleware import sessions
def count(req, res, next):
    req.session["n"] = req.session.get("n", 0) + 1
    return next()
def look(req, res, next):
    req.session.get("n")
    return next()
middleware = [sessions(), {}]
"""
PLAIN = 'config = {"cache": {"revalidate": 60, "cookies": "ignore"}}\ndef GET(): return 1\n'


@pytest.mark.parametrize("step", ["count", "look"])
def test_a_stored_answer_is_one_clients_where_middleware_touches_the_session(
    tmp_path: Path, step: str
) -> None:
    files = {"middleware.py": COUNT.format(step), "pages/api/plain.py": PLAIN}
    app = app_with(tmp_path, files=files, cache="memory")
    call(app, target="/api/plain")
    for browser in (Browser(app), Browser(app)):
        answer = browser.call(target="/api/plain")
        assert "hit" in str(answer.header("Cache-Status"))
        assert answer.header("Cache-Control") == "private, no-cache"
        assert "Cookie" in str(answer.header("Vary"))
        assert browser.values() == ({"n": 2} if step == "count" else {})


def test_an_untouched_session_leaves_stored_answers_alone(tmp_path: Path) -> None:
    app = app_with(tmp_path, files={"pages/api/plain.py": PLAIN}, cache="memory")
    for is_hit in (False, True):
        answer = call(app, target="/api/plain", headers=[("Cookie", "session=x")])
        assert ("hit" in str(answer.header("Cache-Status"))) is is_hit
        assert "private" not in str(answer.header("Cache-Control"))
        assert answer.all("Set-Cookie") == []
