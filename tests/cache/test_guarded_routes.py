"""Cached routes behind guards, whose credentials no key contains, and in draft mode."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.testing import AsyncClient, Client
from tests.cache.route_cases import INTERFACES, Routed, get_of, routed, said
from tests.exits.support import seen_in
from tests.support import Answer, app_of, call, project

SOURCE = """
from typing import Annotated
from apiroutes import ApiError, Depends
seen = []
revalidate = 60
def price(): return 7
GUARDdef signed_in(req, res, price: Annotated[int, Depends(price)]):
    seen.append("guard")
    if "X-Key" not in req.headers:
        raise ApiError(401)
    res.set_header("X-For", req.headers["X-Key"])
    yield
    seen.append("end")
dependencies = [Depends(signed_in)]
HANDLERdef METHOD(price: Annotated[int, Depends(price)]):
    seen.append("handler")
    return {"price": price}
"""
KINDS = pytest.mark.parametrize(
    ("guard", "handler", "method"),
    [("", "", "GET"), ("async ", "", "GET"), ("", "async ", "GET"), ("async ", "async ", "handler")],
)


def source_of(guard: str = "", handler: str = "", method: str = "GET") -> str:
    return SOURCE.replace("GUARD", guard).replace("HANDLER", handler).replace("METHOD", method)


def ask(app: App, key: str | None, method: str = "GET") -> Answer:
    return call(app, method, headers=[] if key is None else [("X-Key", key)])


@KINDS
@pytest.mark.parametrize("middleware", ["", "def middleware(req, res, next):\n    return next()\n"])
def test_guards_are_asked_for_hits_too(
    tmp_path: Path, guard: str, handler: str, method: str, middleware: str
) -> None:
    files = {"pages/api/x.py": source_of(guard, handler, method)}
    if middleware:
        files["pages/api/_middleware.py"] = middleware
    app = App(project(tmp_path, files), cache="memory")
    answers = [ask(app, "ada"), ask(app, "ben"), ask(app, None), ask(app, "cy", "HEAD")]
    assert [answer.status for answer in answers] == [200, 200, 401, 200]
    assert [answer.header("X-For") for answer in answers] == ["ada", "ben", None, "cy"]
    assert seen_in(app) == ["guard", "handler", "end", "guard", "end", "guard", "guard", "end"]
    assert [answer.body for answer in answers] == [b'{"price":7}', b'{"price":7}', b"Unauthorized", b""]


@KINDS
def test_what_guards_add_to_a_response_is_not_stored(
    tmp_path: Path, guard: str, handler: str, method: str
) -> None:
    app = app_of(tmp_path, source_of(guard, handler, method), cache="memory")
    ask(app, "ada")
    answer = ask(app, "ben")
    assert (answer.all("X-For"), "hit" in str(answer.header("Cache-Status"))) == (["ben"], True)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_an_override_of_a_test_is_of_guards_and_handler(tmp_path: Path, interface: str) -> None:
    source = source_of().replace("X-For", "X-Price").replace('req.headers["X-Key"])', "str(price))")
    app = app_of(tmp_path, source, cache="memory")
    module = app.resources["pages/api/x.py"].module
    assert module is not None
    price = module.handlers["GET"].function.__globals__["price"]
    headers = {"X-Key": "ada"}

    async def ask_async() -> Any:
        async with AsyncClient(app) as client:
            client.override(price, lambda: 8)
            return await client.get("/api/x", headers=headers)

    if interface == "asgi":
        answer = asyncio.run(ask_async())
    else:
        with Client(app) as client, client.override(price, lambda: 8):
            answer = client.get("/api/x", headers=headers)
    assert (answer.get_json(), answer.headers["X-Price"]) == ({"price": 8}, "8")


KEY = "Zk3v9QpLr7Xw2Bn5Tc8Hd1Fg4Jm6Ys0A"
DRAFTS = {
    "pages/api/x.py": "n = []\nDECLARED\n"
    "def GET(req):\n    n.append(1)\n    return [len(n), req.draft_mode, req.preview_data]\n",
    "pages/api/edit.py": "def POST(res):\n    res.set_preview_data('post 7')\n    return {}\n",
}


def draft_files(declared: str) -> dict[str, str]:
    return {name: source.replace("DECLARED", declared) for name, source in DRAFTS.items()}


@pytest.mark.parametrize(
    "declared",
    [
        "revalidate = 60",
        "config = {'cache': {'revalidate': 60, 'cookies': 'ignore'}}",
        "config = {'cache': {'revalidate': 60, 'query': []}}",
        "dynamic = 'force-static'",
        "dynamic = 'error'",
    ],
)
def test_a_client_in_draft_mode_has_answers_of_its_own(tmp_path: Path, declared: str) -> None:
    app = App(project(tmp_path, draft_files(declared)), cache="memory", secret_key=KEY)
    with Client(app) as editor, Client(app) as reader:
        assert reader.get("/api/x").get_json() == [1, False, None]
        editor.post("/api/edit")
        draft = editor.get("/api/x")
        assert draft.get_json() == [2, True, "post 7"]
        assert draft.headers["Cache-Control"] == "private, no-cache, no-store, max-age=0, must-revalidate"
        assert reader.get("/api/x").get_json() == [1, False, None]
        assert editor.get("/api/x").get_json() == [3, True, "post 7"]


def test_a_forged_draft_cookie_is_no_draft_mode_for_the_cache(tmp_path: Path) -> None:
    app = App(project(tmp_path, draft_files("revalidate = 60")), cache="memory", secret_key=KEY)
    other = App(tmp_path, cache="memory", secret_key="b1946ac92492d2347c6235b4d2611184")
    with Client(app) as client, Client(other) as forger:
        forger.post("/api/edit")
        cookie = forger.get_cookie("__prerender_bypass")
        assert cookie is not None
        client.set_cookie("__prerender_bypass", cookie.value)
        answer = client.get("/api/x")
    assert (answer.get_json()[1:], "draft" in answer.headers["Cache-Status"]) == ([False, None], False)


# -- credentials, which no key of the store contains -------------------------------------------------

PASS = "def check(req, res, next): next()\nmiddleware = [check]\n"
ASKS = {
    "a header": (
        '@security_scheme("key", {"type": "apiKey", "in": "header", "name": "X-Api-Key"})\n' + PASS,
        {"headers": {"X-API-Key": "SECRET"}},
    ),
    "one of two headers": (
        '@security_scheme("other", {"type": "apiKey", "in": "header", "name": "X-Other"})\n'
        '@security_scheme("key", {"type": "apiKey", "in": "header", "name": "X-Api-Key"})\n' + PASS,
        {"headers": {"X-API-Key": "SECRET"}},
    ),
    "the query": (
        '@security_scheme("key", {"type": "apiKey", "in": "query", "name": "key"})\n' + PASS,
        {"target": "/api/x?a=1&%6Bey=SECRET"},
    ),
    "a dependency": (
        '@security_scheme("key", {"type": "apiKey", "in": "header", "name": "X-Api-Key"})\n'
        "def check(): pass\ndependencies = [Depends(check)]\n",
        {"headers": {"X-API-Key": "SECRET"}},
    ),
}
READS = "return [len(seen), req.headers.get('X-API-Key'), req.args.get('key')]"
both = pytest.mark.parametrize("interface", INTERFACES)


def asking(root: Path, asks: str, interface: str, declared: str, **settings: Any) -> Routed:
    source = "from apiroutes import security_scheme\n" + ASKS[asks][0] + get_of(READS, declared=declared)
    return routed(root, source, interface, **settings)


@both
@pytest.mark.parametrize("asks", ASKS)
def test_a_request_with_the_credential_of_a_guard_passes_the_store(
    tmp_path: Path, asks: str, interface: str
) -> None:
    app = asking(tmp_path, asks, interface, "revalidate = 60")
    request: Any = ASKS[asks][1]
    answers = [app.get(), app.get(), app.get(**request), app.get(**request), app.get()]
    assert [answer.json()[0] for answer in answers] == [1, 1, 2, 3, 1]
    assert {said(answer) for answer in answers[2:4]} == {"fwd=bypass; detail=authorization"}
    assert {answer.header("Cache-Control") for answer in answers} == {"private, no-cache"}


@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize(
    "declared", ["revalidate = 60", "config = {'cache': {'revalidate': 60, 'query': []}}"]
)
def test_the_file_of_the_store_has_no_credential(tmp_path: Path, asks: str, declared: str) -> None:
    path = tmp_path / "kept.db"
    app = asking(tmp_path, asks, "wsgi", declared, cache="sqlite", cache_path=str(path))
    request: Any = ASKS[asks][1]
    for _ in range(2):
        assert app.get(**request).status == 200
    app.get()
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("kept.db*"))
    assert (b"SQLite format" in kept, b"SECRET" in kept) == (True, False)


@both
@pytest.mark.parametrize("asks", ASKS)
@pytest.mark.parametrize("declared", ["dynamic = 'force-static'", "dynamic = 'error'"])
def test_a_credential_that_the_handler_cannot_read_does_not_pass_the_store(
    tmp_path: Path, asks: str, declared: str, interface: str
) -> None:
    source = "from apiroutes import security_scheme\n" + ASKS[asks][0]
    app = routed(tmp_path, source + get_of("return len(seen)", declared=declared), interface)
    request: Any = ASKS[asks][1]
    assert [app.get(**request).json() for _ in range(3)] == [1, 1, 1]
