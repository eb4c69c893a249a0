"""Sessions in a signed cookie: what is kept, when the cookie is written, and what is not taken for one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App, ProjectError
from apiroutes.http import encode_json
from apiroutes.secret_keys import SecretKeys
from apiroutes.signing import sign, unsign
from tests.sessions.session_cases import KEY, OTHER_KEY, Browser, app_with
from tests.support import Extra, call

EMPTY: Any = {"values": {}, "owner": None, "is_new": True}


@pytest.fixture
def app(tmp_path: Path) -> App:
    return app_with(tmp_path)


@pytest.fixture
def browser(app: App) -> Browser:
    return Browser(app)


def attributes(line: str) -> set[str]:
    return set(line.split("; ")[1:])


# -- what is kept


def test_a_client_without_a_cookie_has_an_empty_new_session(browser: Browser) -> None:
    assert browser.read() == EMPTY


VALUES: list[Any] = [1, -2.5, True, None, "é€😀", "", [1, [2, {"a": 3}]], {"a": {"b": []}}, 2**53]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back_with_the_next_request(browser: Browser, value: Any) -> None:
    browser.run(f"session['a'] = {value!r}")
    assert browser.read() == {"values": {"a": value}, "owner": None, "is_new": False}


# What is done to {"a": 1, "list": [1], "deep": {"x": [{}]}}, and what the session has then.
KEPT = {"a": 1, "list": [1], "deep": {"x": [{}]}}
CHANGES: list[tuple[str, Any]] = [
    ("session['a'] = 2", {**KEPT, "a": 2}),
    ("session['b'] = 2", {**KEPT, "b": 2}),
    ("del session['a']", {"list": [1], "deep": {"x": [{}]}}),
    ("session.pop('a')", {"list": [1], "deep": {"x": [{}]}}),
    ("session.update(b=1)", {**KEPT, "b": 1}),
    ("session.setdefault('c', []).append(3)", {**KEPT, "c": [3]}),
    ("session['list'].append(2)", {**KEPT, "list": [1, 2]}),
    ("session['deep']['x'][0]['y'] = 1", {**KEPT, "deep": {"x": [{"y": 1}]}}),
    ("session['list'].clear()", {**KEPT, "list": []}),
    ("session.clear()", {}),
    ("session.clear(); session['new'] = 1", {"new": 1}),
    ("session['a'] = 5; session.rotate()", {**KEPT, "a": 5}),
    ("session['a'] = 2; raise ApiError(401)", {**KEPT, "a": 2}),
    ("session['a'] = 2; res.status(404).end()", {**KEPT, "a": 2}),
    ("session['a'] = 2; res.redirect('/')", {**KEPT, "a": 2}),
    ("session['a'] = 2; res.status(204).end()", {**KEPT, "a": 2}),
    ("session['a'] = 2; res.write('x'); res.end()", {**KEPT, "a": 2}),
    ("session['a'] = 2; result = (chunk for chunk in 'xy')", {**KEPT, "a": 2}),
    ("res.json(1); session['a'] = 2", {**KEPT, "a": 2}),
    # Nothing of a request that has failed is kept.
    ("session['a'] = 2; 1 / 0", KEPT),
    ("session['a'] = 2; raise ApiError(503)", KEPT),
    ("session['a'] = 2; res.status(500).end()", KEPT),
    ("session.clear(); 1 / 0", KEPT),
]


@pytest.mark.parametrize(("code", "kept"), CHANGES)
def test_what_a_request_has_changed_is_kept(browser: Browser, code: str, kept: Any) -> None:
    browser.run(f"session.update({KEPT!r})")
    browser.run(code)
    assert browser.values() == kept


@pytest.mark.parametrize(
    "read", ["session", "len(session)", "session.get('a')", "dict(session)", "session.owner"]
)
def test_a_read_writes_no_cookie(browser: Browser, read: str) -> None:
    browser.run("session['a'] = [1, 2.5, 'é', None, {'b': {}}]")
    assert browser.run(read).all("Set-Cookie") == []


@pytest.mark.parametrize(
    "code", ["session['a'] = 1", "session['a'] = 2; session['a'] = 1", "session['b'] = 1; del session['b']"]
)
def test_what_is_the_same_at_the_end_writes_no_cookie(browser: Browser, code: str) -> None:
    browser.run("session['a'] = 1")
    assert browser.run(code).all("Set-Cookie") == []


def test_a_new_session_with_nothing_in_it_writes_no_cookie(browser: Browser) -> None:
    assert browser.run("session.rotate(); session.clear()").all("Set-Cookie") == []


def test_an_owner_is_kept(browser: Browser) -> None:
    browser.run("session['cart'] = [1]; session.rotate(owner='ada')")
    assert browser.read() == {"values": {"cart": [1]}, "owner": "ada", "is_new": False}


def test_an_owner_stays_when_the_session_is_rotated_again(browser: Browser) -> None:
    browser.run("session.rotate(owner='ada')")
    browser.run("session.rotate()")
    assert browser.read()["owner"] == "ada"


@pytest.mark.parametrize("code", ["session.clear()", "del session['a']"])
def test_the_cookie_of_an_empty_session_is_deleted(browser: Browser, code: str) -> None:
    browser.run("session['a'] = 1")
    (line,) = browser.run(code).all("Set-Cookie")
    assert line.startswith("session=;")
    assert attributes(line) >= {"Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"}


# -- the cookie


@pytest.mark.parametrize(
    ("options", "scheme", "name", "others"),
    [
        ("", "http", "session", "Path=/; SameSite=Lax; Max-Age=1209600"),
        ("", "https", "__Host-session", "Path=/; SameSite=Lax; Secure; Max-Age=1209600"),
        ("secure=True", "http", "__Host-session", "Path=/; SameSite=Lax; Secure; Max-Age=1209600"),
        ("secure=False", "https", "session", "Path=/; SameSite=Lax; Max-Age=1209600"),
        ("path='/api'", "https", "session", "Path=/api; SameSite=Lax; Secure; Max-Age=1209600"),
        (
            "domain='example.com', max_age=60, samesite='Strict'",
            "https",
            "session",
            "Path=/; Domain=example.com; SameSite=Strict; Secure; Max-Age=60",
        ),
        ("name='sid'", "https", "sid", "Path=/; SameSite=Lax; Secure; Max-Age=1209600"),
        ("name='__Host-a'", "http", "__Host-a", "Path=/; SameSite=Lax; Secure; Max-Age=1209600"),
        ("samesite='None'", "http", "__Host-session", "Path=/; SameSite=None; Secure; Max-Age=1209600"),
    ],
)
def test_the_cookie_has_a_name_and_attributes(
    tmp_path: Path, options: str, scheme: str, name: str, others: str
) -> None:
    browser = Browser(app_with(tmp_path, options), scheme)
    (line,) = browser.run("session['a'] = 1").all("Set-Cookie")
    assert line.partition("=")[0] == name
    assert attributes(line) == {"HttpOnly", *others.split("; ")}
    assert browser.values() == {"a": 1}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ("name='__Host-a', path='/x'", ValueError, "whole host"),
        ("name='__Host-a', domain='example.com'", ValueError, "whole host"),
        ("name='__Host-a', secure=False", ValueError, "must be secure"),
        ("name='__Secure-a', secure=False", ValueError, "must be secure"),
        ("samesite='None', secure=False", ValueError, "must be secure"),
        ("samesite='lacks'", ValueError, "'Lax'"),
        ("samesite=None", TypeError, "'Lax'"),
        ("name='a b'", ValueError, "cookie name"),
        ("domain='a;b'", ValueError, "domain"),
        ("domain='https://example.com'", ValueError, "host such as 'example.com'"),
        ("domain='example.com:8000'", ValueError, "host such as 'example.com'"),
        ("domain='example.com/'", ValueError, "host such as 'example.com'"),
        ("domain='*.example.com'", ValueError, "host such as 'example.com'"),
        ("domain=''", ValueError, "host such as 'example.com'"),
        ("domain=True", TypeError, "host such as 'example.com'"),
        ("path='api'", ValueError, "begins with '/'"),
        ("path=''", ValueError, "begins with '/'"),
        ("path=None", TypeError, "begins with '/'"),
        ("secure='no'", TypeError, "secure must be True, False or None"),
        ("secure=0", TypeError, "secure must be True, False or None"),
        ("csrf=None", TypeError, "csrf must be True or False"),
        ("csrf=0", TypeError, "csrf must be True or False"),
        ("store='memory', max_age=60, idle=61", ValueError, "idle is longer than max_age"),
        ("max_age=0", ValueError, "max_age"),
        ("max_age=-1", ValueError, "max_age"),
        ("max_age=float('inf')", ValueError, "max_age"),
        ("max_age=float('nan')", ValueError, "max_age"),
        ("max_age='14d'", TypeError, "max_age"),
        ("max_age=True", TypeError, "max_age"),
        ("idle=0", ValueError, "idle must be"),
        ("store='memory', idle=0", ValueError, "idle must be"),
        ("idle=60", ValueError, r'sessions\(store="sqlite", idle='),
    ],
)
def test_what_browsers_or_clocks_refuse_is_refused_at_once(options: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        eval(f"sessions({options})", {"sessions": __import__("apiroutes.middleware").middleware.sessions})


def test_a_max_age_may_be_a_timedelta(tmp_path: Path) -> None:
    browser = Browser(app_with(tmp_path, "max_age=__import__('datetime').timedelta(hours=1)"))
    assert "Max-Age=3600" in browser.run("session['a'] = 1").all("Set-Cookie")[0]


def test_a_session_larger_than_a_cookie_is_an_error_with_a_remedy(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    browser.run("session['a'] = 1")
    assert browser.run("session['b'] = 'x' * 3000").status == 500
    assert 'sessions(store="sqlite")' in caplog.text
    assert browser.values() == {"a": 1}


# -- the times of a session


def cookie_of(content: Any, name: str = "session", key: str = KEY, purpose: str = "sessions.session") -> str:
    signed = sign(purpose, SecretKeys([key]), encode_json(content))
    return f"{name}={signed}"


def read(app: App, cookie: str, scheme: str = "http") -> Any:
    answer = call(app, headers=[("Cookie", cookie)], **Extra({"wsgi.url_scheme": scheme}))
    assert answer.status == 200
    return answer.json()


@pytest.mark.parametrize(("begun", "is_valid"), [(90, True), (101, False), (10**9, False), (-60, True)])
def test_the_server_checks_how_old_a_session_is(tmp_path: Path, begun: float, is_valid: bool) -> None:
    cookie = cookie_of([time.time() - begun, None, {"a": 1}])
    assert read(app_with(tmp_path, "max_age=100"), cookie)["is_new"] is not is_valid


def test_a_change_does_not_lengthen_the_life_of_a_session(tmp_path: Path) -> None:
    app = app_with(tmp_path, "max_age=100")
    cookie = cookie_of([time.time() - 90, None, {"a": 1}])
    answer = call(app, "POST", headers=[("Cookie", cookie)], body=b"session['a'] = 2")
    (age,) = [int(part[8:]) for part in answer.all("Set-Cookie")[0].split("; ") if part[:8] == "Max-Age="]
    assert 5 < age <= 10


def test_a_rotation_begins_the_life_of_a_session_anew(tmp_path: Path) -> None:
    app = app_with(tmp_path, "max_age=100")
    cookie = cookie_of([time.time() - 90, None, {"a": 1}])
    answer = call(app, "POST", headers=[("Cookie", cookie)], body=b"session.rotate()")
    assert "Max-Age=100" in answer.all("Set-Cookie")[0]


# -- what is not taken for a session

NOW = [4102444800, None, {"a": 1}]
GOOD = cookie_of(NOW)
BAD_COOKIES = {
    "absent": "other=1",
    "empty": "session=",
    "text": "session=abc",
    "cut": GOOD[:-1],
    "cut in the middle": GOOD[: len(GOOD) // 2],
    "without a signature": GOOD.rpartition(".")[0],
    "with an empty signature": GOOD.rpartition(".")[0] + ".",
    "changed": GOOD.replace("W", "X", 1),
    "of another key": cookie_of(NOW, key=OTHER_KEY),
    "of draft mode": cookie_of({"expires": None, "data": None}, purpose="drafts.__prerender_bypass"),
    "of another cookie": cookie_of(NOW, purpose="sessions.sid"),
    "of another scheme": cookie_of(NOW, purpose="sessions.__Host-session"),
    "of another content": cookie_of({"a": 1}),
    "of a shorter content": cookie_of([1]),
    "of text as times": cookie_of(["x", None, {}]),
    "not ASCII": "session=é€",
    "quoted and cut": 'session="',
    "too long": "session=" + "a" * 8000,
    "as the second of a name": f"session=x; {GOOD}",
    "with another case": GOOD.replace("session", "Session", 1),
    "with a longer name": f"x{GOOD}",
}


@pytest.mark.parametrize("cookie", BAD_COOKIES.values(), ids=BAD_COOKIES)
def test_a_cookie_that_is_not_valid_is_as_if_it_were_not_there(app: App, cookie: str) -> None:
    assert read(app, cookie.encode().decode("latin-1")) == EMPTY


GOOD_COOKIES = {
    "alone": GOOD,
    "after others": f"a=1; b; =c; {GOOD}",
    "before others": f"{GOOD}; session=x",
    "without a blank": f"a=1;{GOOD};b=2",
    "quoted": GOOD.replace("=", '="', 1) + '"',
    "after names like it": f"session2=1; mysession=2; session; {GOOD}",
    "after a value like it": f"a=session; b=session=x; {GOOD}",
    "after a thousand": "; ".join(f"c{number}=1" for number in range(1000)) + f"; {GOOD}",
}


@pytest.mark.parametrize("cookie", GOOD_COOKIES.values(), ids=GOOD_COOKIES)
def test_a_valid_cookie_is_found_among_others(app: App, cookie: str) -> None:
    assert read(app, cookie) == {"values": {"a": 1}, "owner": None, "is_new": False}


def test_a_cookie_of_an_older_key_is_valid_and_replaced_by_one_of_the_newest(tmp_path: Path) -> None:
    old = Browser(app_with(tmp_path, secret_key=OTHER_KEY))
    old.run("session['a'] = 1")
    browser = Browser(app_with(tmp_path, secret_key=[KEY, OTHER_KEY]))
    browser.cookies = old.cookies
    assert browser.values() == {"a": 1}
    browser.run("session['b'] = 1")
    assert unsign("sessions.session", SecretKeys([KEY]), browser.cookies["session"]) is not None


def test_a_project_with_sessions_does_not_start_without_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APIROUTES_SECRET_KEY", raising=False)
    app_with(tmp_path)
    with pytest.raises(ProjectError, match="APIROUTES_SECRET_KEY is not set, and `sessions` "):
        App(tmp_path)


# -- what is refused


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("session['a'] = object()", "object"),
        ("session['a'] = [b'x', {1, 2}, lambda: 1]", "lambda"),
        ("session[1] = 2", "the names in a session are str"),
        ("session['a'] = []; session['a'].append(object())", "`a[0]`: object"),
        ("session['a'] = {}; session['a']['b'] = {1: object()}", "`a.b"),
        ("session['a'] = '\\ud800'", "`a`"),
        ("session.rotate(owner=5)", "str(user.id)"),
        ("session.rotate(owner='')", "str(user.id)"),
        ("value = []\nfor _ in range(300): value = [value]\nsession['a'] = value", "deeper than 200"),
        ("import pickle; pickle.dumps(session)", "dict(session)"),
    ],
)
def test_what_a_session_cannot_hold_is_an_error(
    browser: Browser, caplog: pytest.LogCaptureFixture, code: str, message: str
) -> None:
    assert browser.run(code).status == 500
    assert message in caplog.text
    assert browser.read() == EMPTY


def test_a_number_that_json_has_not_is_none(browser: Browser) -> None:
    browser.run("session['a'] = [float('nan'), float('inf')]")
    assert browser.values() == {"a": [None, None]}


def test_as_deep_as_may_be_comes_back(browser: Browser) -> None:
    browser.run("value = []\nfor _ in range(198): value = [value]\nsession['a'] = value")
    assert browser.read()["is_new"] is False


def test_a_session_without_its_middleware_says_what_is_missing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(tmp_path, files={"middleware.py": "def middleware(req, res, next): return next()"})
    assert call(app).status == 500
    assert "middleware = [sessions()]" in caplog.text


def test_a_repr_has_no_values(browser: Browser) -> None:
    assert browser.run("session['a'] = 'secret'; result = repr(session)").text == "<Session of 'a'>"
