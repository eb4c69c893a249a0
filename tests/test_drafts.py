"""Draft mode and preview data: who is in it, what its cookies are, and what is not taken for one."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from itsdangerous import Signer

from apiroutes import App, Request, Response
from apiroutes.drafts import has_valid_draft_cookie
from apiroutes.secret_keys import SecretKeys
from apiroutes.testing import AsyncClient, Client
from tests.support import Answer, Extra, app_of, call, project

KEY = "Zk3v9QpLr7Xw2Bn5Tc8Hd1Fg4Jm6Ys0A"
OTHER = "b1946ac92492d2347c6235b4d2611184"
DRAFT, DATA = "__prerender_bypass", "__next_preview_data"

SHOW = "def GET(req): return {'draft': req.draft_mode, 'data': req.preview_data}\n"
# The body is the Python text of what is called on the response.
EDIT = "def POST(req, res): return eval('res.' + req.raw_body.decode()) and {}\n"
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


def shown(app: App, cookies: dict[str, str] | str) -> Any:
    header = cookies if isinstance(cookies, str) else "; ".join(f"{k}={v}" for k, v in cookies.items())
    answer = call(app, "GET", "/api/show", headers=[("Cookie", header)] if header else [])
    assert answer.status == 200
    return answer.json()


NO_DRAFT = {"draft": False, "data": None}


# -- who is in draft mode


def test_nobody_is_in_draft_mode_without_a_cookie(app: App) -> None:
    assert shown(app, "") == NO_DRAFT


def test_a_client_that_keeps_the_cookie_is_in_draft_mode(app: App) -> None:
    assert shown(app, cookies_of(edit(app, "set_draft_mode(True)"))) == {"draft": True, "data": None}


def test_the_default_turns_draft_mode_on(app: App) -> None:
    assert shown(app, cookies_of(edit(app, "set_draft_mode()")))["draft"] is True


VALUES: list[Any] = [{"post": "7"}, [1, 2.5, None, True], "text", "é€😀", 0, {"pad": "x" * 2038}]


@pytest.mark.parametrize("data", VALUES, ids=lambda value: repr(value)[:20])
def test_preview_data_come_back_with_draft_mode(app: App, data: Any) -> None:
    answer = edit(app, f"set_preview_data({data!r})")
    assert shown(app, cookies_of(answer)) == {"draft": True, "data": data}


def test_clients_see_draft_mode_end(app: App) -> None:
    with Client(app) as client:
        client.post("/api/x", data=b"set_preview_data({'a': 1}, max_age=60)")
        assert client.get("/api/show").get_json() == {"draft": True, "data": {"a": 1}}
        client.post("/api/x", data=b"clear_preview_data()")
        assert client.get("/api/show").get_json() == NO_DRAFT
        client.post("/api/x", data=b"set_draft_mode(True)")
        client.post("/api/x", data=b"set_draft_mode(False)")
        assert client.get("/api/show").get_json() == NO_DRAFT


def test_draft_mode_works_through_asgi(app: App) -> None:
    async def run() -> list[Any]:
        async with AsyncClient(app) as client:
            await client.post("/api/x", data=b"set_preview_data({'a': 1})")
            kept = (await client.get("/api/show")).get_json()
            await client.post("/api/x", data=b"clear_preview_data()")
            return [kept, (await client.get("/api/show")).get_json()]

    assert asyncio.run(run()) == [{"draft": True, "data": {"a": 1}}, NO_DRAFT]


@pytest.mark.parametrize("keys", [KEY, [KEY], [OTHER, KEY]])
def test_the_cookie_is_valid_for_each_worker_and_machine_with_the_key(
    app: App, tmp_path: Path, keys: Any
) -> None:
    other = App(project(tmp_path / "other", FILES), secret_key=keys)
    assert shown(other, cookies_of(edit(app, "set_preview_data(1)"))) == {"draft": True, "data": 1}


def test_the_first_key_signs(tmp_path: Path) -> None:
    both = App(project(tmp_path / "both", FILES), secret_key=[OTHER, KEY])
    old = App(project(tmp_path / "old", FILES), secret_key=[KEY])
    assert shown(old, cookies_of(edit(both, "set_draft_mode(True)"))) == NO_DRAFT


def test_a_request_made_by_hand_is_not_in_draft_mode(app: App) -> None:
    cookie = cookies_of(edit(app, "set_draft_mode(True)"))[DRAFT]
    request = Request({"HTTP_COOKIE": f"{DRAFT}={cookie}"})
    assert (request.draft_mode, request.preview_data) == (False, None)


def test_the_cache_can_ask_without_a_request(app: App) -> None:
    cookie = cookies_of(edit(app, "set_draft_mode(True)"))[DRAFT]
    environ = {"HTTP_COOKIE": f"a=b; {DRAFT}={cookie}"}
    assert has_valid_draft_cookie(environ, SecretKeys([KEY]))
    assert not has_valid_draft_cookie(environ, SecretKeys([OTHER]))
    assert not has_valid_draft_cookie(environ, None)
    assert not has_valid_draft_cookie({}, SecretKeys([KEY]))


# -- what is not a valid cookie


def signed(purpose: str, content: Any, key: str = KEY) -> str:
    """What the framework signs, with content that it would not."""
    from hashlib import sha256

    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    signer = Signer(key, salt=f"apiroutes.drafts.{purpose}", key_derivation="hmac", digest_method=sha256)
    return signer.sign(base64.urlsafe_b64encode(text)).decode()


GOOD = signed(DRAFT, {"expires": None, "data": None})


def forged(purpose: str, other_purpose: str) -> list[str]:
    """What may stand where a cookie is expected, and is none."""
    good = signed(purpose, {"expires": None, "data": 1})
    content, signature = good.split(".")
    return [
        "",
        "1",
        "true",
        "guess",
        "eyJkcmFmdCI6dHJ1ZX0.abc.def",
        ".",
        "..." * 1000,
        "%00%ff",
        "é",
        "%F0%9F%98%80",
        '"' + good,
        good[:-1],
        good + "A",
        good + "." + good,
        "e" + good,
        content,
        content + ".",
        "." + signature,
        content + "." + good.swapcase().split(".")[1],
        signed(purpose, {"expires": None, "data": 1}, OTHER),
        signed(other_purpose, {"expires": None, "data": 1}),
        signed("", {"expires": None, "data": 1}),
        signed(purpose, {"expires": 1, "data": 1}),
        signed(purpose, {"expires": "never", "data": 1}),
        signed(purpose, {"data": 1}),
        signed(purpose, {"expires": None}),
        signed(purpose, []),
        signed(purpose, 7),
        signed(purpose, None),
        signed(purpose, b"{"),
        signed(purpose, b"\xff"),
        signed(purpose, b"[" * 1500),
        signed(purpose, {"expires": None, "data": "x" * 5000}),
    ]


def test_the_forgeries_are_made_like_valid_ones(app: App) -> None:
    assert shown(app, {DRAFT: GOOD, DATA: signed(DATA, {"expires": None, "data": 1})}) == {
        "draft": True,
        "data": 1,
    }


@pytest.mark.parametrize("value", forged(DRAFT, DATA), ids=lambda value: repr(value)[:30])
def test_a_cookie_that_is_not_valid_is_no_draft_mode(app: App, value: str) -> None:
    data = cookies_of(edit(app, "set_preview_data(1)"))[DATA]
    latin1 = value.encode().decode("latin-1")
    assert shown(app, f"{DRAFT}={latin1}; {DATA}={data}") == NO_DRAFT


@pytest.mark.parametrize("value", forged(DATA, DRAFT), ids=lambda value: repr(value)[:30])
def test_data_that_are_not_valid_are_no_data(app: App, value: str) -> None:
    latin1 = value.encode().decode("latin-1")
    assert shown(app, f"{DRAFT}={GOOD}; {DATA}={latin1}") == {"draft": True, "data": None}


def test_a_cookie_of_another_name_is_not_the_one(app: App) -> None:
    assert shown(app, f"x{DRAFT}={GOOD}; a={DRAFT}={GOOD}") == NO_DRAFT


def test_the_first_of_two_cookies_counts(app: App) -> None:
    assert shown(app, f"{DRAFT}=forged; {DRAFT}={GOOD}") == NO_DRAFT


def test_data_without_the_draft_cookie_are_none(app: App) -> None:
    data = cookies_of(edit(app, "set_preview_data(1)"))[DATA]
    assert shown(app, {DATA: data}) == NO_DRAFT


@pytest.mark.parametrize("max_age", [0, -1, -1e9])
def test_what_has_expired_is_not_valid_whatever_the_client_keeps(app: App, max_age: float) -> None:
    answer = edit(app, f"set_preview_data(1, max_age={max_age})")
    assert shown(app, cookies_of(answer)) == NO_DRAFT


def test_a_forged_cookie_is_no_error_without_a_key(tmp_path: Path) -> None:
    assert shown(App(project(tmp_path, FILES)), {DRAFT: GOOD, DATA: GOOD}) == NO_DRAFT


# -- what is set

ON_HTTP = r"=[\w=-]+\.[\w-]{43}(; Max-Age=60)?; Path=/; HttpOnly; SameSite=Lax"
ON_HTTPS = r"=[\w=-]+\.[\w-]{43}(; Max-Age=60)?; Path=/; Secure; HttpOnly; SameSite=None"
ENDS_HTTP = "=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Lax"
ENDS_HTTPS = "=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; Secure; HttpOnly; SameSite=None"

ONE = "a=1; Path=/; HttpOnly; SameSite=Lax"

LINES: list[tuple[str, str, Iterable[str]]] = [
    ("http", "set_draft_mode(True)", [DRAFT + ON_HTTP]),
    ("https", "set_draft_mode(True)", [DRAFT + ON_HTTPS]),
    ("http", "set_draft_mode(False)", [DRAFT + ENDS_HTTP]),
    ("https", "set_draft_mode(False)", [DRAFT + ENDS_HTTPS]),
    ("http", "set_preview_data(1, max_age=60)", [DRAFT + ON_HTTP, DATA + ON_HTTP]),
    ("https", "set_preview_data(1, max_age=60)", [DRAFT + ON_HTTPS, DATA + ON_HTTPS]),
    ("http", "clear_preview_data()", [DRAFT + ENDS_HTTP, DATA + ENDS_HTTP]),
    ("https", "clear_preview_data()", [DRAFT + ENDS_HTTPS, DATA + ENDS_HTTPS]),
    # A response sets each cookie once, as RFC 6265 section 4.1.1 asks.
    ("http", "clear_preview_data().clear_preview_data()", [DRAFT + ENDS_HTTP, DATA + ENDS_HTTP]),
    ("http", "set_draft_mode(True).set_draft_mode(False)", [DRAFT + ENDS_HTTP]),
    ("http", "set_preview_data(1).set_draft_mode(False)", [DATA + ON_HTTP, DRAFT + ENDS_HTTP]),
    ("http", "set_cookie('a', '1').set_draft_mode(True)", [ONE, DRAFT + ON_HTTP]),
]


@pytest.mark.parametrize(("scheme", "code", "patterns"), LINES)
def test_the_cookies_of_draft_mode(app: App, scheme: str, code: str, patterns: list[str]) -> None:
    lines = edit(app, code, scheme).all("Set-Cookie")
    assert len(lines) == len(patterns)
    for line, pattern in zip(lines, patterns):
        assert re.fullmatch(pattern, line), line


@pytest.mark.parametrize(("max_age", "has_max_age"), [("None", False), ("60", True), ("60.5", True)])
def test_max_age_is_of_both_cookies(app: App, max_age: str, has_max_age: bool) -> None:
    lines = edit(app, f"set_preview_data(1, max_age={max_age})").all("Set-Cookie")
    assert ["; Max-Age=60;" in line for line in lines] == [has_max_age] * 2


def test_a_client_can_read_its_data(app: App) -> None:
    cookie = cookies_of(edit(app, "set_preview_data({'post': 7})"))[DATA]
    assert json.loads(base64.urlsafe_b64decode(cookie.split(".")[0]))["data"] == {"post": 7}


def test_the_largest_data_fit_into_a_cookie(app: App) -> None:
    answer = edit(app, "set_preview_data('x' * 2046, max_age=10**9)")
    assert all(len(line) < 4096 for line in answer.all("Set-Cookie"))
    assert shown(app, cookies_of(answer))["data"] == "x" * 2046


REFUSED = [
    ("set_preview_data('x' * 2047)", "preview data may have 2048 bytes as JSON, but this has 2049"),
    ("set_preview_data('é' * 1500)", "preview data may have 2048 bytes as JSON, but this has 3002"),
    ("set_preview_data(eval('[' * 65 + ']' * 65))", "nest"),
    ("set_preview_data(object())", "JSON"),
    ("set_preview_data(1, max_age=float('inf'))", "max_age must be a number of seconds, not inf"),
    ("set_preview_data(1, max_age=float('nan'))", "max_age must be a number of seconds, not nan"),
    ("set_preview_data(1, max_age='60')", "max_age must be a number of seconds, not '60'"),
    ("set_draft_mode({'enable': False})", "write set_draft_mode(True) or set_draft_mode(False)"),
    ("set_draft_mode(1)", "write set_draft_mode(True) or set_draft_mode(False)"),
]


@pytest.mark.parametrize(("code", "message"), REFUSED)
def test_what_cannot_be_set_is_an_error_that_sets_nothing(
    app: App, code: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = edit(app, code)
    assert (answer.status, answer.all("Set-Cookie")) == (500, [])
    assert message in caplog.text


# -- the key

NEED_KEY = ["set_draft_mode(True)", "set_draft_mode(False)", "set_preview_data(1)", "clear_preview_data()"]


@pytest.mark.parametrize("code", NEED_KEY)
def test_the_error_without_a_key_names_it(
    tmp_path: Path, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = edit(App(project(tmp_path, FILES)), code)
    assert (answer.status, answer.all("Set-Cookie")) == (500, [])
    assert "RuntimeError: draft mode and preview data need `secret_key`, which is not set" in caplog.text


def test_a_response_made_by_hand_has_no_key() -> None:
    with pytest.raises(RuntimeError, match="need `secret_key`"):
        Response().set_draft_mode(True)


USES = [
    {"pages/api/x.py": "def GET(req, res):\n    res.set_draft_mode(True)\n    return {}\n"},
    {"pages/api/x.py": "def GET(req): return req.draft_mode\n"},
    {"pages/api/x.py": "def GET(req): return [req.preview_data]\n"},
    {
        "pages/api/x.py": "class Page:\n    def of(self, r): return r.draft_mode\n"
        "def GET(req): return Page().of(req)\n"
    },
    {
        "pages/api/x.py": "def GET(req): return 1\n",
        "middleware.py": "def middleware(req, res, next):\n    res.set_preview_data(1)\n    next()\n",
    },
    {
        "pages/api/x.py": "from lib_of_drafts import on\ndef GET(res):\n    on(res)\n    return {}\n",
        "lib_of_drafts.py": "def on(res): res.set_draft_mode(True)\n",
    },
]


@pytest.mark.parametrize("files", USES)
def test_development_makes_a_key_for_a_project_with_draft_mode(
    tmp_path: Path, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    app = App(project(tmp_path, files), mode="development")
    assert app.settings.secret_key is not None
    assert (tmp_path / ".apiroutes" / "secret_key").is_file()
    assert call(app).status == 200
    again = App(tmp_path, mode="development")
    assert again.settings.secret_key == app.settings.secret_key


def test_development_makes_no_key_for_others(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def GET(req): return req.query", mode="development")
    assert app.settings.secret_key is None
    assert not (tmp_path / ".apiroutes").exists()
