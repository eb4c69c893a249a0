"""What lets caches of others keep an answer: nothing that belongs to one client, or to those with a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cache.route_cases import INTERFACES, KINDS, NOT_HOT, Clock, Routed, get_of, routed, said
from tests.support import Answer, until

both = pytest.mark.parametrize("interface", INTERFACES)

SHARED = "s-maxage=60, stale-while-revalidate=31535940"
PRIVATE = "private, no-cache"

# What middleware does around a cached handler for those with X-User, of whom it sets a cookie.
COOKIES = {
    "before": "res.set_cookie('user', USER)\n    NEXT",
    "after": "NEXT\n    res.set_cookie('user', USER)",
    "as a header": "NEXT\n    res.append_header('Set-Cookie', 'user=' + USER)",
    "two": "res.set_cookie('a', 'b')\n    NEXT\n    res.set_cookie('user', USER)",
    "deleted": "NEXT\n    res.delete_cookie('user')",
    "before the head": "res.before_head(lambda sent: sent.set_cookie('user', USER))\n    NEXT",
    "and another status": "NEXT\n    res.status(202)\n    res.set_cookie('user', USER)",
}
HANDLERS = {
    "200": "return {'a': 1}",
    "204": "return res.status(204).end()",
    "301": "return res.redirect(301, '/y')",
}


def around(lines: str, kind: str = "def") -> dict[str, str]:
    """Return a directory's middleware, which does so for those with X-User."""
    after = "await next()" if kind == "async def" else "next()"
    own = lines.replace("USER", "req.headers['X-User']").replace("NEXT", after)
    source = (
        f"{kind} middleware(req, res, next):\n    if 'X-User' not in req.headers:\n        {after}\n"
        f"        return\n    {own}\n"
    )
    return {"pages/api/_middleware.py": source}


def controls(*answers: Answer) -> list[list[str]]:
    return [answer.all("Cache-Control") for answer in answers]


@both
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, NOT_HOT], ids=["hot", "stored"])
@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("cookie", COOKIES)
def test_an_answer_with_a_cookie_is_its_clients(
    tmp_path: Path, cookie: str, handler: str, settings: dict[str, Any], kind: str, interface: str
) -> None:
    files = around(COOKIES[cookie], kind)
    app = routed(tmp_path, get_of(HANDLERS[handler]), interface, files=files, **settings)
    user = {"X-User": "ada"}
    answers = [app.get(headers=user), app.get(), app.get(headers=user), app.get(), app.get(headers=user)]
    assert controls(*answers) == [[PRIVATE], [SHARED], [PRIVATE], [SHARED], [PRIVATE]]
    assert all(answers[number].all("Set-Cookie") for number in (0, 2, 4))
    assert len(app.seen) == 1


@both
@pytest.mark.parametrize("cookie", COOKIES)
def test_a_head_and_a_304_with_a_cookie_are_their_clients(
    tmp_path: Path, cookie: str, interface: str
) -> None:
    app = routed(tmp_path, get_of(), interface, files=around(COOKIES[cookie]))
    user = {"X-User": "ada"}
    answers = [
        app.get(headers=user, method="HEAD"),
        app.get(headers=user, method="HEAD"),
        app.get(headers={**user, "If-None-Match": "*"}),
        app.get(headers={"If-None-Match": "*"}),
    ]
    assert controls(*answers) == [[PRIVATE], [PRIVATE], [PRIVATE], [SHARED]]


OWN_CONTROLS = {
    "the handler's": ("res.set_header('Cache-Control', 'public, max-age=30')", "NEXT"),
    "middleware's, before": ("", "res.set_header('Cache-Control', 'public, max-age=30')\n    NEXT"),
    "middleware's, after": ("", "NEXT\n    res.set_header('Cache-Control', 'public, max-age=30')"),
    "that of a hook": (
        "",
        "res.before_head(lambda sent: sent.set_header('Cache-Control', 'public, max-age=30'))\n    NEXT",
    ),
}


@both
@pytest.mark.parametrize("own", OWN_CONTROLS)
def test_what_a_project_says_itself_stays(tmp_path: Path, own: str, interface: str) -> None:
    line, lines = OWN_CONTROLS[own]
    app = routed(
        tmp_path,
        get_of(line or "pass", "return 1"),
        interface,
        files=around(lines + "\n    res.set_cookie('user', USER)"),
    )
    answers = [app.get(headers={"X-User": "ada"}) for _ in range(3)]
    assert controls(*answers) == [["public, max-age=30"]] * 3


def test_what_a_project_removes_stays_away(tmp_path: Path) -> None:
    lines = "NEXT\n    res.remove_header('Cache-Control')\n    res.set_cookie('user', USER)"
    app = routed(tmp_path, get_of(), files=around(lines))
    assert controls(*[app.get(headers={"X-User": "ada"}) for _ in range(3)]) == [[]] * 3


def test_a_stale_answer_with_a_cookie_is_its_clients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    app = routed(tmp_path, get_of(), files=around(COOKIES["after"]), **NOT_HOT)
    app.get()
    clock.step(61)
    assert controls(app.get(headers={"X-User": "ada"})) == [[PRIVATE]]
    until(lambda: app.has_run(2))


WSGI_SESSION = """
from apiroutes import from_wsgi

def session(app):
    def with_session(environ, start_response):
        def start(status, headers, exc_info=None):
            return start_response(status, [*headers, ("Set-Cookie", "session=1")], exc_info)
        RESPOND
    return with_session

middleware = from_wsgi(session)
"""


@both
@pytest.mark.parametrize("respond", ["return app(environ, start)", "yield from app(environ, start)"])
def test_an_answer_with_the_cookie_of_wsgi_middleware_is_its_clients(
    tmp_path: Path, respond: str, interface: str
) -> None:
    middleware = WSGI_SESSION.replace("RESPOND", respond)
    app = routed(tmp_path, get_of(), interface, files={"pages/api/_middleware.py": middleware})
    assert controls(app.get(), app.get(), app.get(method="HEAD")) == [[PRIVATE]] * 3


@both
@pytest.mark.parametrize("answer", ["json({'of': USER})", "send(iter([USER]))"])
def test_another_answer_of_middleware_has_nothing_of_the_caches(
    tmp_path: Path, answer: str, interface: str
) -> None:
    files = around(f"NEXT\n    res.{answer}\n    res.set_cookie('user', USER)")
    app = routed(tmp_path, get_of(), interface, files=files)
    assert controls(*[app.get(headers={"X-User": "ada"}) for _ in range(3)]) == [[]] * 3


# -- credentials ---------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("settings", [{}, NOT_HOT], ids=["hot", "stored"])
@pytest.mark.parametrize("dynamic", ["force-static", "error"])
def test_an_answer_to_a_request_with_credentials_is_its_clients(
    tmp_path: Path, dynamic: str, settings: dict[str, Any], interface: str
) -> None:
    """RFC 9111 section 3.5: `s-maxage` would let a shared cache keep it."""
    app = routed(tmp_path, get_of(declared=f"dynamic = {dynamic!r}"), interface, **settings)
    user = {"Authorization": "Basic eDp5"}
    requests = [user, {}, user, {**user, "If-None-Match": "*"}, {}]
    answers = [app.get(headers=headers) for headers in requests]
    shared = "s-maxage=31536000"
    assert controls(*answers) == [[PRIVATE], [shared], [PRIVATE], [PRIVATE], [shared]]
    assert len(app.seen) == 1


def test_what_a_static_route_says_itself_stays_for_requests_with_credentials(tmp_path: Path) -> None:
    lines = ("res.set_header('Cache-Control', 'public, max-age=30')", "return 1")
    app = routed(tmp_path, get_of(*lines, declared="dynamic = 'force-static'"))
    answers = [app.get(headers={"Authorization": "Basic eDp5"}) for _ in range(3)]
    assert controls(*answers) == [["public, max-age=30"]] * 3


# A guard, which lets in who has a key, in each of the places where it can stand.
GUARD = """
from apiroutes import Depends, security_scheme
SCHEME
def check(req):
    if req.headers.get("X-Key") != "open":
        raise ApiError(401)
"""
AS_MIDDLEWARE = GUARD.replace("(req)", "(req, res, next)") + "    next()\n"
SCHEME = '@security_scheme("key", {"type": "apiKey", "in": "header", "name": "X-Key"})'
PLACES: dict[str, tuple[str, dict[str, str]]] = {
    "middleware of the directory": (
        "",
        {"pages/api/_middleware.py": AS_MIDDLEWARE + "middleware = [check]\n"},
    ),
    "middleware of the module": (AS_MIDDLEWARE + "middleware = [check]\n", {}),
    "dependencies of the directory": (
        "",
        {"pages/api/_middleware.py": GUARD + "dependencies = [Depends(check)]\n"},
    ),
    "dependencies of the module": (GUARD + "dependencies = [Depends(check)]\n", {}),
}


def guarded(root: Path, place: str, scheme: str, interface: str, *lines: str) -> Routed:
    head, files = PLACES[place]
    sources = {name: source.replace("SCHEME", scheme) for name, source in files.items()}
    handler = get_of(*lines, declared="dynamic = 'force-static'\nrevalidate = 60")
    return routed(root, head.replace("SCHEME", scheme) + handler, interface, files=sources)


@both
@pytest.mark.parametrize("place", PLACES)
def test_an_answer_behind_a_guard_is_not_for_caches_of_others(
    tmp_path: Path, place: str, interface: str
) -> None:
    """One that keeps it would give it to those who have no key."""
    app = guarded(tmp_path, place, SCHEME, interface)
    key = {"X-Key": "open"}
    requests = [key, key, {**key, "If-None-Match": "*"}]
    answers = [*(app.get(headers=headers) for headers in requests), app.get(headers=key, method="HEAD")]
    assert controls(*answers) == [[PRIVATE]] * 4
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", *["hit"] * 3]
    assert app.get().status == 401


@both
@pytest.mark.parametrize("place", PLACES)
def test_what_asks_for_no_credentials_is_no_such_guard(tmp_path: Path, place: str, interface: str) -> None:
    app = guarded(tmp_path, place, "", interface)
    assert controls(*[app.get(headers={"X-Key": "open"}) for _ in range(3)]) == [[SHARED]] * 3


@pytest.mark.parametrize("place", PLACES)
def test_what_a_project_says_itself_behind_a_guard_stays(tmp_path: Path, place: str) -> None:
    app = guarded(
        tmp_path, place, SCHEME, "wsgi", "res.set_header('Cache-Control', 'max-age=30')", "return 1"
    )
    assert controls(*[app.get(headers={"X-Key": "open"}) for _ in range(3)]) == [["max-age=30"]] * 3


# What keeps a handler's answer from the store: it is one client's, or nobody says whose.
NOT_KEPT = {
    "what middleware has left": "return getattr(req, 'user', 'nobody')",
    "the address": "return str(req.remote_addr)",
    "a stream": "return iter(['a'])",
    "a status": "return json(1, status=202)",
}


@both
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("lines", NOT_KEPT)
def test_an_answer_behind_a_guard_that_is_not_kept_is_not_for_caches_of_others(
    tmp_path: Path, lines: str, place: str, interface: str
) -> None:
    app = guarded(tmp_path, place, SCHEME, interface, NOT_KEPT[lines])
    answers = [app.get(headers={"X-Key": "open"}), app.get(headers={"X-Key": "open", "Range": "bytes=0-"})]
    assert controls(*answers) == [[PRIVATE]] * 2


@both
def test_what_a_project_says_itself_of_a_personal_answer_stays(tmp_path: Path, interface: str) -> None:
    lines = ("res.set_header('Cache-Control', 'no-store')", "return getattr(req, 'user', 'nobody')")
    app = guarded(tmp_path, "middleware of the module", SCHEME, interface, *lines)
    assert controls(app.get(headers={"X-Key": "open"})) == [["no-store"]]
