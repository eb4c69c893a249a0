"""Signed cookies: what comes back, for how long, and what is not taken for one."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import Signer

from apiroutes import App, Request, Response
from apiroutes.secret_keys import SecretKeys
from apiroutes.signing import sign
from apiroutes.testing import AsyncClient, Client
from tests.support import Answer, Extra, app_of, call, project

KEY = "Zk3v9QpLr7Xw2Bn5Tc8Hd1Fg4Jm6Ys0A"
OTHER = "b1946ac92492d2347c6235b4d2611184"
KEYS = SecretKeys([KEY])

SHOW = "def GET(req): return dict(req.signed_cookies)\n"
# The body is the Python text of what is called on the response.
EDIT = (
    "from datetime import *\n"
    "def POST(req, res): return eval('res.' + req.raw_body.decode(), globals(), {'res': res}) and {}\n"
)
FILES = {"pages/api/show.py": SHOW, "pages/api/x.py": EDIT}


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIROUTES_SECRET_KEY", raising=False)


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(project(tmp_path, FILES), secret_key=KEY)


def edit(app: App, code: str, scheme: str = "http") -> Answer:
    return call(app, "POST", "/api/x", body=code.encode(), **Extra({"wsgi.url_scheme": scheme}))


def cookies_of(answer: Answer) -> dict[str, str]:
    """The cookies that an answer sets, by name, as they are in a request."""
    return dict(line.split(";")[0].split("=", 1) for line in answer.all("Set-Cookie"))


def header_of(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def shown(app: App, cookies: Mapping[str, str]) -> Any:
    answer = call(app, "GET", "/api/show", headers=[("Cookie", header_of(cookies))] if cookies else [])
    assert answer.status == 200
    return answer.json()


def signed(value: str, name: str = "a", end: float | None = None, key: str = KEY) -> str:
    """A cookie's value as `res.set_signed_cookie` makes it, with any end."""
    content = f"{'' if end is None else end}:{value}".encode()
    return sign(f"cookies.{name}", SecretKeys([key]), content)


def pair_of(response: Response) -> str:
    """The one cookie that a response sets, as it is in a request."""
    lines = response.get_header("Set-Cookie")
    assert isinstance(lines, list)
    assert len(lines) == 1
    return lines[0].split(";")[0]


class Owner(Request):
    """The request of a project with a key."""

    _secret_keys = KEYS


# -- what comes back

VALUES = ["", "1", 'a b;c,d"e\\f', "é€😀", ":", "1:2", "%41", "x" * 2900, "\r\n\0"]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("max_age", ["", ", max_age=60", ", max_age=timedelta(days=400)"])
def test_a_value_comes_back(app: App, value: str, max_age: str) -> None:
    answer = edit(app, f"set_signed_cookie('a', {value!r}{max_age})")
    assert answer.status == 200
    assert shown(app, cookies_of(answer)) == {"a": value}


@given(value=st.text(max_size=30), name=st.text("abcXYZ0189_-.!", min_size=1, max_size=8))
@settings(deadline=None)
def test_any_value_comes_back_under_any_name(value: str, name: str) -> None:
    response = Response(Owner({}))
    try:
        response.set_signed_cookie(name, value, max_age=60)
    except UnicodeEncodeError:  # a lone surrogate, which no bytes stand for
        return
    request = Owner({"HTTP_COOKIE": pair_of(response)})
    assert dict(request.signed_cookies) == {name: value}


def test_a_client_keeps_it(app: App) -> None:
    with Client(app) as client:
        client.post("/api/x", data=b"set_signed_cookie('a', 'b', max_age=60)")
        assert client.get("/api/show").get_json() == {"a": "b"}
        client.post("/api/x", data=b"delete_cookie('a')")
        assert client.get("/api/show").get_json() == {}


def test_it_works_through_asgi(app: App) -> None:
    async def run() -> Any:
        async with AsyncClient(app) as client:
            await client.post("/api/x", data=b"set_signed_cookie('a', 'b', max_age=60)")
            return (await client.get("/api/show")).get_json()

    assert asyncio.run(run()) == {"a": "b"}


def test_a_client_can_read_its_value(app: App) -> None:
    cookie = cookies_of(edit(app, "set_signed_cookie('a', 'hello')"))["a"]
    assert base64.urlsafe_b64decode(cookie.split(".")[0]) == b":hello"


# The attributes of plain cookies, with the same defaults.
ATTRIBUTES = [
    ("http", "", "; Path=/; HttpOnly; SameSite=Lax"),
    ("https", "", "; Path=/; Secure; HttpOnly; SameSite=Lax"),
    ("http", ", max_age=60", "; Max-Age=60; Path=/; HttpOnly; SameSite=Lax"),
    ("http", ", expires=0", "; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax"),
    ("http", ", path='/x', domain='a.example'", "; Path=/x; Domain=a.example; HttpOnly; SameSite=Lax"),
    ("http", ", httponly=False, samesite=None", "; Path=/"),
    ("https", ", secure=False", "; Path=/; HttpOnly; SameSite=Lax"),
    (
        "https",
        ", samesite='None', partitioned=True",
        "; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
    ),
]


@pytest.mark.parametrize(("scheme", "arguments", "attributes"), ATTRIBUTES)
def test_it_has_the_attributes_of_a_cookie(app: App, scheme: str, arguments: str, attributes: str) -> None:
    line = edit(app, f"set_signed_cookie('a', 'b'{arguments})", scheme).header("Set-Cookie")
    assert line is not None
    assert line.partition(";")[1] + line.partition(";")[2] == attributes


# -- for how long

# What a handler names, and for how many seconds that is from now.
ENDS: list[tuple[dict[str, Any], float | None]] = [
    ({}, None),
    ({"max_age": 60}, 60),
    ({"max_age": 0.5}, 0.5),
    ({"max_age": timedelta(hours=1)}, 3600),
    ({"max_age": 0}, 0),
    ({"max_age": -5}, -5),
    ({"expires": 100}, 100 - 1e9),
    ({"expires": datetime.fromtimestamp(1e9 + 30, timezone.utc)}, 30),
    ({"expires": datetime(2001, 9, 9, 1, 46, 50)}, 10),  # in UTC, as in the attribute
    ({"max_age": 60, "expires": 1e9 + 30}, 60),  # RFC 6265 section 4.1.2.2
]


@pytest.mark.parametrize(("arguments", "seconds"), ENDS, ids=repr)
def test_it_is_valid_until_its_end(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], seconds: float | None
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e9)
    cookie = {"HTTP_COOKIE": pair_of(Response(Owner({})).set_signed_cookie("a", "b", **arguments))}
    moments = [-1e6, 1e12] if seconds is None else [seconds - 0.01, seconds]
    found = []
    for moment in moments:
        monkeypatch.setattr(time, "time", lambda moment=moment: 1e9 + moment)
        found.append(Owner(cookie).signed_cookies.get("a"))
    assert found == (["b", "b"] if seconds is None else ["b", None])


def test_a_client_cannot_prolong_it(app: App) -> None:
    """Whatever it keeps: the end is inside of what is signed."""
    cookie = cookies_of(edit(app, "set_signed_cookie('a', 'b', max_age=-1)"))["a"]
    content, _, signature = cookie.partition(".")
    end, _, value = base64.urlsafe_b64decode(content).decode().partition(":")
    longer = base64.urlsafe_b64encode(f"{float(end) + 1000}:{value}".encode()).decode()
    assert shown(app, {"a": cookie}) == {}
    assert shown(app, {"a": f"{longer}.{signature}"}) == {}
    assert shown(app, {"a": signed("b", end=float(end) + 1000)}) == {"a": "b"}


# -- what is not taken for one

GOOD = signed("b", end=1e11)
CONTENT, _, SIGNATURE = GOOD.partition(".")


def resigned(content: bytes, purpose: str, **how: Any) -> str:
    """What another signer than ours makes with the right key."""
    text: bytes = Signer(KEY, salt=f"apiroutes.{purpose}", **how).sign(base64.urlsafe_b64encode(content))
    return text.decode()


FORGED = {
    "nothing": "",
    "a plain value": "b",
    "a dot": ".",
    "the content alone": CONTENT,
    "the signature alone": f".{SIGNATURE}",
    "no signature": f"{CONTENT}.",
    "cut by one": GOOD[:-1],
    "cut in half": GOOD[: len(GOOD) // 2],
    "cut at its beginning": GOOD[1:],
    "one more": f"{GOOD}A",
    "another signature": f"{CONTENT}.{'A' * 43}",
    "characters that base64 ignores": f"{CONTENT}.{SIGNATURE[:20]}!!{SIGNATURE[20:]}",
    "other content": f"{base64.urlsafe_b64encode(b':c').decode()}.{SIGNATURE}",
    "content that is not base64": f"{'!' * 20}.{SIGNATURE}",
    "another key": signed("b", key=OTHER),
    "another name": signed("b", name="b"),
    "another purpose": sign("drafts.a", KEYS, b":b"),
    "no purpose": resigned(b":b", "", key_derivation="hmac"),
    "another hash": resigned(b":b", "cookies.a", key_derivation="hmac"),  # itsdangerous signs with SHA-1
    "expired": signed("b", end=1),
    "expired now": signed("b", end=time.time()),
    "over-long": "A" * 5000 + "." + SIGNATURE,
    "over-long and signed": signed("b" * 4000),
    "no ASCII": f"{CONTENT}é.{SIGNATURE}",
    "NUL": f"{CONTENT}%00.{SIGNATURE}",
}


@pytest.mark.parametrize("case", FORGED)
def test_what_is_not_valid_is_as_if_it_were_not_there(
    app: App, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert shown(app, {"a": FORGED[case], "c": signed("d", "c")}) == {"c": "d"}
    assert caplog.records == []


@given(place=st.integers(0, len(GOOD) - 2), character=st.characters(min_codepoint=33, max_codepoint=126))
@settings(deadline=None)
def test_no_other_character_is_valid(place: int, character: str) -> None:
    text = GOOD[:place] + character + GOOD[place + 1 :]
    request = Owner({})
    request.cookies = {"a": text}
    assert ("a" in request.signed_cookies) is (text == GOOD)


def test_the_first_cookie_of_a_name_counts(app: App) -> None:
    assert shown(app, {"a": signed("1"), "x": "1; a=" + signed("2")}) == {"a": "1"}
    assert shown(app, {"a": "forged", "x": "1; a=" + signed("2")}) == {}


# -- the mapping


@pytest.fixture
def mapping() -> Mapping[str, str]:
    cookies = {"a": signed("1"), "b": "forged", "c": signed("3", "c"), "d": signed("4", "d", 1)}
    return Owner({"HTTP_COOKIE": header_of(cookies)}).signed_cookies


def test_it_has_the_valid_ones_alone(mapping: Mapping[str, str]) -> None:
    assert (list(mapping), len(mapping), dict(mapping)) == (["a", "c"], 2, {"a": "1", "c": "3"})


@pytest.mark.parametrize(("name", "value"), [("a", "1"), ("b", None), ("c", "3"), ("d", None), ("e", None)])
def test_it_is_asked_for_a_name(mapping: Mapping[str, str], name: str, value: str | None) -> None:
    assert (mapping.get(name), name in mapping) == (value, value is not None)


@pytest.mark.parametrize("name", ["b", "d", "e", 5])
def test_another_name_is_a_key_error(mapping: Mapping[Any, str], name: Any) -> None:
    with pytest.raises(KeyError):
        mapping[name]


def test_it_is_read_only(mapping: Any) -> None:
    with pytest.raises(TypeError):
        mapping["a"] = "2"
    with pytest.raises(TypeError):
        del mapping["a"]


def test_it_shows_no_value(mapping: Mapping[str, str]) -> None:
    assert signed("1") not in repr(mapping)


# -- keys


@pytest.mark.parametrize("keys", [KEY, [KEY], [OTHER, KEY]])
def test_each_worker_and_machine_with_the_key_reads_it(app: App, tmp_path: Path, keys: Any) -> None:
    other = App(project(tmp_path / "other", FILES), secret_key=keys)
    assert shown(other, cookies_of(edit(app, "set_signed_cookie('a', 'b')"))) == {"a": "b"}


@pytest.mark.parametrize(("keys", "found"), [([OTHER], {"a": "b"}), ([KEY], {})])
def test_the_first_key_signs(tmp_path: Path, keys: list[str], found: dict[str, str]) -> None:
    both = App(project(tmp_path / "both", FILES), secret_key=[OTHER, KEY])
    other = App(project(tmp_path / "other", FILES), secret_key=keys)
    assert shown(other, cookies_of(edit(both, "set_signed_cookie('a', 'b')"))) == found


USES = {
    "set": "res.set_signed_cookie('a', 'b')",
    "read": "req.signed_cookies",
    "asked": "req.signed_cookies.get('a')",
}


@pytest.mark.parametrize("use", USES)
def test_without_a_key_a_use_is_an_error_that_names_it(
    tmp_path: Path, use: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(tmp_path, f"def GET(req, res):\n    {USES[use]}\n    return 1\n")
    answer = call(app)
    assert (answer.status, answer.all("Set-Cookie")) == (500, [])
    message = (
        "RuntimeError: signed cookies need `secret_key`, which is not set: set it, as APIROUTES_SECRET_KEY"
    )
    assert message in caplog.text


def test_a_response_without_a_request_cannot_sign() -> None:
    with pytest.raises(RuntimeError, match="signed cookies need `secret_key`"):
        Response().set_signed_cookie("a", "b")


@pytest.mark.parametrize("use", USES)
def test_a_project_that_uses_them_is_told_at_start(
    tmp_path: Path, use: str, caplog: pytest.LogCaptureFixture
) -> None:
    handler = "from ._use import use\ndef GET(req, res): return use(req, res)\n"
    files = {"pages/api/x.py": handler, "pages/api/_use.py": f"\ndef use(req, res): return {USES[use]}\n"}
    App(project(tmp_path, files))
    name = "set_signed_cookie" if use == "set" else "signed_cookies"
    assert [record.getMessage() for record in caplog.records] == [
        f"pages/api/_use.py:2 uses `{name}`, but no `secret_key` is set. Set APIROUTES_SECRET_KEY to what "
        "`apiroutes secret` prints, or this line raises RuntimeError."
    ]


@pytest.mark.parametrize(
    "source",
    [
        "# req.signed_cookies\n",
        "'req.signed_cookies'\n",
        "signed_cookies = 1\n",
        "def set_signed_cookie(): ...\n",
    ],
)
def test_what_only_has_the_name_is_no_warning(
    tmp_path: Path, source: str, caplog: pytest.LogCaptureFixture
) -> None:
    app_of(tmp_path, source + "def GET(req): return req.draft_mode\n")
    assert caplog.records == []


@pytest.mark.parametrize("content", ["req.signed_cookies(", "req.signed_cookies\0"])
def test_a_file_that_has_changed_since_its_import_stops_no_start(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    save = f"from pathlib import Path\nPath(__file__).write_text({content!r})\n"
    files = {"pages/api/x.py": "from . import _use\ndef GET(): return 1\n", "pages/api/_use.py": save}
    assert call(App(project(tmp_path, files))).status == 200
    assert caplog.records == []


def test_a_project_with_a_key_is_told_nothing(app: App, caplog: pytest.LogCaptureFixture) -> None:
    assert caplog.records == []


@pytest.mark.parametrize("use", USES)
def test_development_makes_a_key_for_a_project_that_uses_them(tmp_path: Path, use: str) -> None:
    source = f"def GET(req, res):\n    {USES[use]}\n    return 1\n"
    app = app_of(tmp_path, source, mode="development")
    assert call(app).status == 200
    assert (tmp_path / ".apiroutes" / "secret_key").is_file()


# -- what cannot be set

REFUSED = [
    ("set_signed_cookie('a', 5)", "TypeError: the value of the cookie 'a' must be a str, not 5"),
    ("set_signed_cookie('a', None)", "must be a str"),
    ("set_signed_cookie('a', b'x')", "must be a str"),
    ("set_signed_cookie('a b', 'x')", "is not a valid cookie name"),
    ("set_signed_cookie(5, 'x')", "is not a valid cookie name"),
    ("set_signed_cookie('a', 'x', max_age=float('inf'))", "max_age must be a number of seconds, not inf"),
    ("set_signed_cookie('a', 'x', max_age=float('nan'))", "max_age must be a number of seconds, not nan"),
    ("set_signed_cookie('a', 'x', max_age='60')", "max_age must be a number of seconds, not '60'"),
    ("set_signed_cookie('a', 'x', expires='soon')", "expires must be a number of seconds, not 'soon'"),
    ("set_signed_cookie('a', 'x' * 4000)", "bytes with its name, but browsers accept 4096"),
    ("set_signed_cookie('a', 'x', samesite='None')", "SameSite=None must be secure"),
    ("set_signed_cookie('__Host-a', 'x')", "must be secure"),
]


@pytest.mark.parametrize(("code", "message"), REFUSED)
def test_what_cannot_be_set_is_an_error_that_sets_nothing(
    app: App, code: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = edit(app, code)
    assert (answer.status, answer.all("Set-Cookie")) == (500, [])
    assert message in caplog.text


def test_a_value_cannot_be_moved_to_another_name(app: App) -> None:
    value = cookies_of(edit(app, "set_signed_cookie('a', 'b')"))["a"]
    assert shown(app, {"a.b": value, "b": value, "A": value, "__Host-a": value}) == {}


# -- cached routes

CACHED = """
config = {CONFIG}
seen = []
def GET(req, res):
    seen.append(1)
    return [len(seen), dict(req.signed_cookies)]
"""
COOKIE = [("Cookie", f"a={signed('b')}")]


def test_a_request_with_a_signed_cookie_passes_the_cache(tmp_path: Path) -> None:
    app = app_of(
        tmp_path, CACHED.replace("{CONFIG}", '{"cache": {"revalidate": 60}}'), secret_key=KEY, cache="memory"
    )
    answers = [call(app, headers=headers) for headers in ([], COOKIE, COOKIE, [])]
    assert [answer.json() for answer in answers] == [[1, {}], [2, {"a": "b"}], [3, {"a": "b"}], [1, {}]]
    passed = answers[1]
    assert "detail=cookie" in (passed.header("Cache-Status") or "")
    assert all("Cookie" in (answer.header("Vary") or "") for answer in answers)


@pytest.mark.parametrize(
    "config",
    [
        '{"cache": {"revalidate": 60, "cookies": "ignore"}}',
        '{"cache": {"revalidate": 60, "query": [], "cookies": "ignore"}}',
    ],
)
@pytest.mark.parametrize("headers", [COOKIE, [*COOKIE, ("Authorization", "Bearer x")]])
def test_a_handler_that_ignores_cookies_sees_no_signed_ones(
    tmp_path: Path, config: str, headers: list[tuple[str, str]]
) -> None:
    app = app_of(tmp_path, CACHED.replace("{CONFIG}", config), secret_key=KEY, cache="memory")
    assert [call(app, headers=headers).json()[1] for _ in range(2)] == [{}, {}]


READ_BEFORE = """
def middleware(req, res, next):
    assert dict(req.signed_cookies) == {"a": "b"}
    next()
    assert dict(req.signed_cookies) == {"a": "b"}
"""


def test_what_middleware_has_read_does_not_reach_the_store(tmp_path: Path) -> None:
    files = {
        "pages/api/_middleware.py": READ_BEFORE,
        "pages/api/x.py": CACHED.replace("{CONFIG}", '{"cache": {"revalidate": 60, "cookies": "ignore"}}'),
    }
    app = App(project(tmp_path, files), secret_key=KEY, cache="memory")
    assert [call(app, headers=COOKIE).json() for _ in range(2)] == [[1, {}], [1, {}]]


def test_an_answer_that_sets_one_is_not_stored(tmp_path: Path) -> None:
    source = (
        'config = {"cache": {"revalidate": 60}}\nseen = []\n'
        "def GET(res):\n    seen.append(1)\n    res.set_signed_cookie('a', 'b')\n    return len(seen)\n"
    )
    app = app_of(tmp_path, source, secret_key=KEY, cache="memory")
    assert [call(app).json() for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("dynamic", ["error", "force-static"])
def test_a_route_that_reads_no_headers_reads_no_signed_cookies(tmp_path: Path, dynamic: str) -> None:
    """As with `req.cookies`: an error, or as if there were none."""
    results = []
    for attribute in ("cookies", "signed_cookies"):
        source = f"dynamic = {dynamic!r}\ndef GET(req): return dict(req.{attribute})\n"
        app = app_of(tmp_path / attribute, source, secret_key=KEY, cache="memory")
        answer = call(app, headers=COOKIE)
        results.append((answer.status, answer.body))
    assert results[0] == results[1]
    assert results[0][0] == {"error": 500, "force-static": 200}[dynamic]
