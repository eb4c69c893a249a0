"""Sessions in a store: ids, ends, requests at once, and a store that fails."""

from __future__ import annotations

import base64
import logging
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.middleware import sessions
from apiroutes.stores.session_sqlite import SQLiteSessionStore
from apiroutes.stores.session_store import Lifetime
from apiroutes.threads import waiting
from tests.asgi_server import AsWSGI
from tests.sessions.session_cases import KEY, Browser, app_with
from tests.support import call, environ, exchange, project

EMPTY: Any = {"values": {}, "owner": None, "is_new": True}
LONG = Lifetime(1_209_600.0)
STORES = ["memory", "sqlite"]


@pytest.fixture(params=STORES)
def browser(tmp_path: Path, request: pytest.FixtureRequest) -> Browser:
    return Browser(app_with(tmp_path, f"store={request.param!r}"))


@pytest.fixture
def in_file(tmp_path: Path) -> Browser:
    return Browser(app_with(tmp_path, "store='sqlite'"))


def key_of(browser: Browser) -> bytes:
    return sha256(base64.urlsafe_b64decode(browser.cookies["session"] + "=")).digest()


def file_of(root: Path) -> Path:
    return root / ".apiroutes" / "sessions.db"


# -- what is kept

KEPT = {"a": 1, "list": [1], "deep": {"x": [{}]}}
CHANGES: list[tuple[str, Any]] = [
    ("session['a'] = 2", {**KEPT, "a": 2}),
    ("session['b'] = None", {**KEPT, "b": None}),
    ("session |= {'b': 2}", {**KEPT, "b": 2}),
    ("req.session |= [('b', 2)]", {**KEPT, "b": 2}),
    ("del session['a']", {"list": [1], "deep": {"x": [{}]}}),
    ("for name in list(session): del session[name]", {}),
    ("session['list'].append(2)", {**KEPT, "list": [1, 2]}),
    ("session['deep']['x'][0]['y'] = 1", {**KEPT, "deep": {"x": [{"y": 1}]}}),
    ("session.clear()", {}),
    ("session.clear(); session['new'] = 1", {"new": 1}),
    ("session.clear(); session.rotate(); session['new'] = 1", {"new": 1}),
    ("session['a'] = 5; session.rotate()", {**KEPT, "a": 5}),
    ("del session['a']; session.rotate(owner='ada')", {"list": [1], "deep": {"x": [{}]}}),
    ("session['a'] = 2; raise ApiError(401)", {**KEPT, "a": 2}),
    ("session['a'] = 2; 1 / 0", KEPT),
    ("session.clear(); raise ApiError(500)", KEPT),
]


@pytest.mark.parametrize(("code", "kept"), CHANGES)
def test_what_a_request_has_changed_is_in_the_store(browser: Browser, code: str, kept: Any) -> None:
    browser.run(f"session.update({KEPT!r})")
    browser.run(code)
    assert browser.values() == kept


@pytest.mark.parametrize("code", ["session", "session['a'] = 1", "session['a'] = 2", "session.pop('a')"])
def test_a_cookie_is_written_when_the_session_begins_and_not_again(browser: Browser, code: str) -> None:
    assert len(browser.run("session['a'] = 1").all("Set-Cookie")) == 1
    assert browser.run(code).all("Set-Cookie") == []


def test_the_cookie_has_nothing_but_random_bytes(browser: Browser) -> None:
    (line,) = browser.run("session['secret'] = 'text'").all("Set-Cookie")
    value, *others = line.removeprefix("session=").split("; ")
    assert len(base64.urlsafe_b64decode(value + "=")) == 32
    assert set(others) == {"Max-Age=1209600", "Path=/", "HttpOnly", "SameSite=Lax"}


def test_the_store_has_the_digest_of_the_id_alone(in_file: Browser, tmp_path: Path) -> None:
    in_file.run("session['a'] = 1")
    store = SQLiteSessionStore(file_of(tmp_path))
    stored = store.load(key_of(in_file), LONG)
    store.close()
    assert stored is not None
    assert dict(stored.values) == {"a": b"1"}
    content = b"".join(path.read_bytes() for path in file_of(tmp_path).parent.glob("sessions.db*"))
    assert in_file.cookies["session"].encode() not in content


def test_a_session_outlives_its_app(in_file: Browser, tmp_path: Path) -> None:
    in_file.run("session['a'] = 1; session.rotate(owner='ada')")
    in_file.app = App(tmp_path)
    assert in_file.read() == {"values": {"a": 1}, "owner": "ada", "is_new": False}


def test_a_session_may_be_larger_than_a_cookie(browser: Browser) -> None:
    browser.run("session['a'] = 'x' * 100_000")
    assert browser.values() == {"a": "x" * 100_000}


def test_a_session_larger_than_the_store_keeps_is_an_error(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    answer = browser.run("session['a'] = 'x' * 1_100_000")
    assert (answer.status, answer.all("Set-Cookie")) == (500, [])
    assert "1 MiB" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("redi", "'redi' is neither a URL nor one of"),
        ("none", "signed cookie"),
        ("http://x", "'http' is not one of"),
        ("redis://:secret@", "no host"),
        (5, "5 is neither"),
    ],
)
def test_a_store_that_there_is_not_is_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        sessions(store=options)
    assert ":secret" not in str(raised.value)


def test_a_redis_needs_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("apiroutes.stores.") and "redis" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ImportError, match=r"pip install 'apiroutes\[redis\]'"):
        sessions(store="redis://localhost")


# -- ids


IDS = {
    "unknown": "A" * 43,
    "short": "A" * 42,
    "long": "A" * 44,
    "huge": "A" * 100_000,
    "with another letter": "A" * 42 + "!",
    "not ASCII": "é" * 43,
    "a line": "A" * 42 + "\t",
    "empty": "",
}


@pytest.mark.parametrize("value", IDS.values(), ids=IDS)
def test_an_id_that_a_client_has_chosen_is_not_taken(browser: Browser, value: str) -> None:
    browser.cookies = {"session": value.encode().decode("latin-1")}
    assert browser.read() == EMPTY
    browser.run("session['a'] = 1")
    assert browser.cookies["session"] != value
    assert browser.values() == {"a": 1}


def test_a_rotation_makes_a_new_id_and_the_old_one_is_void(browser: Browser) -> None:
    browser.run("session['a'] = 1")
    old = dict(browser.cookies)
    browser.run("session['b'] = 2; session.rotate(owner='ada')")
    assert browser.cookies != old
    assert browser.read() == {"values": {"a": 1, "b": 2}, "owner": "ada", "is_new": False}
    browser.cookies = old
    assert browser.read() == EMPTY


@pytest.mark.parametrize("code", ["session.clear()", "session.clear(); session['b'] = 1"])
def test_an_end_is_one_for_everybody_who_has_the_cookie(browser: Browser, code: str) -> None:
    browser.run("session['a'] = 1")
    old = dict(browser.cookies)
    browser.run(code)
    assert browser.cookies != old
    browser.cookies = old
    assert browser.read() == EMPTY


def test_the_cookie_of_a_session_that_has_ended_is_deleted_by_its_end(browser: Browser) -> None:
    browser.run("session['a'] = 1")
    old = dict(browser.cookies)
    browser.run("session.clear()")
    assert browser.cookies == {}
    browser.cookies = old
    browser.run("session.clear()")
    assert browser.cookies == {}


def test_a_cookie_of_another_name_is_another_session(tmp_path: Path) -> None:
    source = (
        "from apiroutes.middleware import sessions\n"
        "middleware = [sessions(store='sqlite', name='{}')]\n"
        "def GET(req): return dict(req.session)\n"
        "def POST(req): req.session['at'] = '{}'; return 1\n"
    )
    app = App(project(tmp_path, {f"pages/api/{name}.py": source.format(name, name) for name in "ab"}))
    browser = Browser(app)
    browser.call("POST", "/api/a")
    browser.cookies["b"] = browser.cookies["a"]
    assert browser.call(target="/api/a").json() == {"at": "a"}
    assert browser.call(target="/api/b").json() == {}


# -- ends of an owner's sessions

ENDING = """
from apiroutes.middleware import sessions
step = sessions({})
middleware = [step]
def POST(req): return step.end_all(req.raw_body.decode())
def GET(req): return {{'owner': req.session.owner}}
def PUT(req):
    req.session.rotate(owner=req.raw_body.decode())
    return 1
"""


def test_all_sessions_of_an_owner_end(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": ENDING.format("store='sqlite'")}))
    browsers = [Browser(app) for _ in range(3)]
    for browser, owner in zip(browsers, (b"ada", b"ada", b"bob")):
        browser.call("PUT", body=owner)
    assert call(app, "POST", body=b"ada").json() == 2
    assert [browser.call().json()["owner"] for browser in browsers] == [None, None, "bob"]


def test_sessions_that_cannot_be_ended_now_are_a_503(tmp_path: Path) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": ENDING.format("store='redis://127.0.0.1:1'")}))
    answer = call(app, "POST", body=b"ada")
    assert (answer.status, answer.header("Retry-After")) == (503, "1")


OTHERS_END = """
def PATCH(req):
    session = req.session
    owner, values = session.owner, dict(session)
    ended = step.end_all(owner)
    session.clear()
    session.update(values)
    session.rotate(owner=owner)
    return ended
"""


def test_a_client_keeps_its_session_while_those_of_others_end(tmp_path: Path) -> None:
    source = ENDING.format("store='sqlite'") + OTHERS_END
    source = source.replace("{'owner':", "{**req.session, 'owner':").replace(
        "return 1", "return req.session.setdefault('a', 1)"
    )
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    browsers = [Browser(app), Browser(app)]
    for browser in browsers:
        assert browser.call("PUT", target="/api/x", body=b"ada").status < 300
    assert browsers[0].call("PATCH").json() == 2
    assert [browser.call().json() for browser in browsers] == [{"a": 1, "owner": "ada"}, {"owner": None}]


def test_a_signed_cookie_cannot_be_ended_by_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = App(project(tmp_path, {"pages/api/x.py": ENDING.format("")}), secret_key=KEY)
    assert call(app, "POST", body=b"ada").status == 500
    assert 'sessions(store="sqlite")' in caplog.text


def test_sessions_of_no_app_cannot_be_ended() -> None:
    with pytest.raises(RuntimeError, match=r"a module of its own.*apiroutes shell -c"):
        sessions(store="memory").end_all("ada")


# -- requests at once

# Does to the store what another request may do to it meanwhile.
MEANWHILE = """
from pathlib import Path
from apiroutes.stores.session_sqlite import SQLiteSessionStore
from apiroutes.stores.session_store import Lifetime
session
store, key = SQLiteSessionStore(Path({file!r})), {key!r}
store.{call}
store.close()
"""


def meanwhile(browser: Browser, root: Path, do: str, code: str, **request: Any) -> Any:
    lines = MEANWHILE.format(file=str(file_of(root)), key=key_of(browser), call=do)
    return browser.run(lines + code, **request)


@pytest.mark.parametrize(
    ("do", "code", "kept"),
    [
        ("merge(key, {'b': b'2'}, (), Lifetime(9e5))", "session['a'] = 5", {"a": 5, "b": 2, "c": 3}),
        ("merge(key, {'b': b'2'}, (), Lifetime(9e5))", "del session['a']", {"b": 2, "c": 3}),
        ("merge(key, {}, ['c'], Lifetime(9e5))", "session['a'] = 5", {"a": 5}),
        ("merge(key, {'a': b'2'}, (), Lifetime(9e5))", "session['a'] = 5", {"a": 5, "c": 3}),
        ("merge(key, {'b': b'2'}, (), Lifetime(9e5))", "session.rotate()", {"a": 1, "b": 2, "c": 3}),
        ("merge(key, {'b': b'2'}, (), Lifetime(9e5))", "session.clear()", {}),
        ("merge(key, {'b': b'2'}, (), Lifetime(9e5))", "", {"a": 1, "b": 2, "c": 3}),
    ],
)
def test_two_requests_at_once_write_what_each_has_changed(
    in_file: Browser, tmp_path: Path, do: str, code: str, kept: Any
) -> None:
    in_file.run("session.update(a=1, c=3)")
    assert meanwhile(in_file, tmp_path, do, code).status == 200
    assert in_file.values() == kept


@pytest.mark.parametrize("do", ["end(key)", "rename(key, b'0' * 32, None, Lifetime(9e5))"])
@pytest.mark.parametrize(
    "code", ["session['a'] = 5", "session.rotate()", "session.clear()", "del session['a']"]
)
def test_a_session_that_another_request_has_ended_stays_so(
    in_file: Browser, tmp_path: Path, do: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "apiroutes")
    in_file.run("session['a'] = 1")
    cookies = dict(in_file.cookies)
    answer = meanwhile(in_file, tmp_path, do, code)
    assert answer.status == 200
    in_file.cookies = in_file.cookies or cookies
    assert in_file.read() == EMPTY
    is_kept = "is not kept" in caplog.text
    assert is_kept is ("clear" not in code)
    assert "Max-Age=1209600" not in str(answer.all("Set-Cookie"))


def test_who_signs_in_while_the_session_ends_is_signed_in_without_what_has_ended(
    in_file: Browser, tmp_path: Path
) -> None:
    in_file.run("session['old'] = 1")
    meanwhile(in_file, tmp_path, "end(key)", "session['new'] = 2; session.rotate(owner='ada')")
    assert in_file.read() == {"values": {"new": 2}, "owner": "ada", "is_new": False}


def test_many_requests_at_once_lose_nothing(in_file: Browser) -> None:
    in_file.run("session['a'] = 1")
    cookie = ("Cookie", f"session={in_file.cookies['session']}")

    def change(number: int) -> None:
        code = f"session['n{number}'] = {number}".encode()
        assert call(in_file.app, "POST", headers=[cookie], body=code).status == 200

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(change, range(8)))
    assert in_file.values() == {"a": 1, **{f"n{number}": number for number in range(8)}}


# -- event loops

ASYNC = {
    "a handler": "async def GET(req): req.session['n'] = req.session['n'] + 1; return 1",
    "a handler that only reads": "async def GET(req): return req.session['n']",
    "a handler under a deadline": (
        "config = {'maxDuration': 30}\nasync def GET(req): req.session['n'] = req.session['n'] + 1; return 1"
    ),
    "a stream": "async def GET(req):\n    req.session['n'] += 1\n    yield 'x'",
    "a handler that refuses": (
        "from apiroutes import ApiError\n"
        "async def GET(req):\n    req.session['n'] += 1\n    raise ApiError(401)"
    ),
    "a handler inside of plain middleware": (
        "def plain(req, res, next): return next()\nmiddleware = [plain]\n"
        "async def GET(req): req.session['n'] = req.session['n'] + 1; return 1"
    ),
    "async middleware": (
        "async def middleware(req, res, next):\n    await next()\n    req.session['n'] += 1\n"
        "def GET(): return 1"
    ),
    "a dependency": (
        "from apiroutes import Depends\n"
        "async def count(req): req.session['n'] += 1\n"
        "dependencies = [Depends(count)]\nasync def GET(): return 1"
    ),
}


# Under WSGI `write` itself holds the loop.
WRITING = "async def GET(req, res):\n    req.session['n'] += 1\n    res.write('x')\n    res.end()"


@pytest.mark.parametrize(
    ("source", "interface"),
    [
        *[(source, "wsgi") for source in ASYNC.values()],
        *[(source, "asgi") for source in ASYNC.values()],
        (WRITING, "asgi"),
    ],
)
def test_an_event_loop_never_waits_for_the_store(
    in_file: Browser, tmp_path: Path, interface: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_file.run("session['n'] = 1")
    project(tmp_path, {"pages/api/loop.py": source})
    app = App(tmp_path)
    calls: list[tuple[str, bool]] = []
    for name in ("load", "merge"):
        function = getattr(SQLiteSessionStore, name)

        def note(*arguments: Any, name: str = name, function: Any = function) -> Any:
            calls.append((name, waiting.is_on_loop()))
            return function(*arguments)

        monkeypatch.setattr(SQLiteSessionStore, name, note)
    entries = environ("GET", "/api/loop", [("Cookie", f"session={in_file.cookies['session']}")])
    exchange(AsWSGI(app.asgi) if interface == "asgi" else app, entries)
    assert [on_loop for _, on_loop in calls] == [False] * len(calls)
    names = {name for name, _ in calls}
    assert names == ({"load"} if "return req" in source else {"load", "merge"})


# -- times


@pytest.mark.parametrize("options", ["max_age=1e-6", "idle=1e-6"])
def test_the_store_is_asked_for_sessions_that_last_as_long(
    in_file: Browser, tmp_path: Path, options: str
) -> None:
    in_file.run("session['a'] = 1")
    in_file.app = app_with(tmp_path, f"store='sqlite', {options}")
    assert in_file.read() == EMPTY


# -- a store that fails


@pytest.mark.parametrize("handler", ["def GET(): return 1", "async def GET(): return 1"])
@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_store_that_fails_is_not_felt_by_who_does_not_touch_the_session(
    tmp_path: Path, handler: str, interface: str
) -> None:
    app = app_with(tmp_path, "store='redis://127.0.0.1:1'", files={"pages/api/y.py": handler})
    entries = environ("GET", "/api/y", [("Cookie", f"session={'A' * 43}")])
    assert exchange(AsWSGI(app.asgi) if interface == "asgi" else app, entries).status == 200


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("result = 1", 200),
        ("raise ApiError(404)", 404),
        ("session", 503),
        ("session['a'] = 1", 503),
        ("session.clear()", 503),
    ],
)
def test_a_store_that_fails_is_felt_by_who_touches_the_session_alone(
    tmp_path: Path, code: str, status: int
) -> None:
    browser = Browser(app_with(tmp_path, "store='redis://127.0.0.1:1'"))
    browser.cookies = {"session": "A" * 43}
    answer = browser.run(code)
    assert answer.status == status
    assert answer.all("Set-Cookie") == []
    assert answer.header("Retry-After") == ("1" if status == 503 else None)


@pytest.mark.parametrize(
    "code",
    [
        "session['a'] = 1",
        "session['a'] = 1; raise ApiError(401)",
        "session['a'] = 1; res.redirect('/')",
        "session['a'] = 1; result = iter('ab')",
        "session.rotate(owner='ada')",
    ],
)
def test_what_cannot_be_written_is_no_success(tmp_path: Path, code: str) -> None:
    browser = Browser(app_with(tmp_path, "store='redis://127.0.0.1:1'"))
    answer = browser.run(code)
    assert answer.status == 503
    assert answer.header("Retry-After") == "1"
    assert answer.header("Cache-Control") == "no-store"
    assert answer.all("Set-Cookie") == []


def test_a_session_that_a_full_or_locked_file_cannot_keep_is_a_503(in_file: Browser, tmp_path: Path) -> None:
    in_file.run("session['a'] = 1")
    lock = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        assert in_file.run("session['a'] = 2").status == 503
    finally:
        lock.close()
    assert in_file.values() == {"a": 1}


def test_a_file_that_can_be_read_and_not_written_is_logged(
    in_file: Browser, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_file.run("session['a'] = 1")
    lock = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        for number in range(3):
            assert in_file.values() == {"a": 1}
            assert in_file.run(f"session['a'] = 'b{number}'").status == 503
        assert in_file.values() == {"a": 1}
    finally:
        lock.close()
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert record.getMessage().startswith(f"Writing sessions ({file_of(tmp_path)}) fails, and requests that ")


# -- lines of Cookie


@pytest.mark.parametrize(("between", "is_found"), [("; ", True), (";", True), (",", False), (", ", False)])
def test_a_comma_begins_no_cookie(in_file: Browser, between: str, is_found: bool) -> None:
    # Several lines may be joined by "; " alone (RFC 9113 section 8.2.3). A comma may be part of a value that
    # somebody else has chosen, who would plant a session.
    in_file.run("session['a'] = 1")
    header = ("Cookie", f"theme=dark{between}session={in_file.cookies['session']}")
    values = call(in_file.app, target="/api/x", headers=[header]).json()["values"]
    assert values == ({"a": 1} if is_found else {})


# -- what is in the way at start


def test_what_is_in_the_way_of_a_store_is_said_at_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project(tmp_path, {".apiroutes": "a file"})
    app_with(tmp_path, "store='sqlite'")
    assert [record.getMessage() for record in caplog.records] == [
        f"sessions cannot be kept: {tmp_path}/.apiroutes is not a directory. "
        "Make it writable, or choose another `store`."
    ]


@pytest.mark.parametrize(
    ("options", "settings"), [("store='memory'", {}), ("store='sqlite'", {"testing": True})]
)
def test_what_is_in_the_way_of_no_store_is_not_said(
    tmp_path: Path, options: str, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    project(tmp_path, {".apiroutes": "a file"})
    app_with(tmp_path, options, **settings)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("source", "is_kept"),
    [
        ("middleware = [sessions(store='memory')]\ndef GET(): return 1", True),
        ("@use(sessions(store='memory'))\ndef GET(): return 1", True),
        ("middleware = [sessions(store='sqlite')]\ndef GET(): return 1", False),
        ("def GET(): return 1", False),
    ],
)
def test_a_route_tells_whether_each_worker_keeps_its_sessions(
    tmp_path: Path, source: str, is_kept: bool
) -> None:
    head = "from apiroutes import use\nfrom apiroutes.middleware import sessions\n"
    app = App(project(tmp_path, {"pages/api/x.py": head + source}))
    assert [route.keeps_in_memory for route in app.resources.values()] == [is_kept]
