"""Starlette and FastAPI with our routes inside, or behind them as the fallback, in their own test clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from apiroutes import App
from tests.support import project

BOTH_KINDS = {
    "hello": "{}def GET(req): return {{'root': req.script_root, 'url': req.url}}\n",
    "echo": "{}def POST(body): return body\n",
    "ticks": (
        "from apiroutes import event_stream\n"
        "{0}def ticks():\n    yield 'tick'\n    yield 'tock'\n"
        "{0}def GET(): return event_stream(ticks())\n"
    ),
}
FILES = {
    **{f"pages/api/{name}.py": source.format("") for name, source in BOTH_KINDS.items()},
    **{f"pages/api/async/{name}.py": source.format("async ") for name, source in BOTH_KINDS.items()},
    "pages/api/names/[name].py": "async def GET(params): return params\n",
}
KINDS = ["/api", "/api/async"]


def starlette_around(app: Any) -> Starlette:
    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("Starlette's home page")

    return Starlette(routes=[Route("/", home), Mount("/x", app=app)])


def fastapi_around(app: Any) -> FastAPI:
    site = FastAPI()
    site.mount("/x", app)
    return site


MOUNTED = {"starlette": starlette_around, "fastapi": fastapi_around}


@pytest.fixture(params=MOUNTED)
def mounted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(MOUNTED[request.param](App(project(tmp_path, FILES)).asgi)) as client:
        yield client


# -- inside


@pytest.mark.parametrize("kind", KINDS)
def test_a_mounted_app_answers_below_its_prefix(mounted: TestClient, kind: str) -> None:
    assert mounted.get(f"/x{kind}/hello").json() == {
        "root": "/x",
        "url": f"http://testserver/x{kind}/hello",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_mounted_app_gets_bodies(mounted: TestClient, kind: str) -> None:
    assert mounted.post(f"/x{kind}/echo", json=[1, "é"]).json() == [1, "é"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_mounted_app_streams(mounted: TestClient, kind: str) -> None:
    assert mounted.get(f"/x{kind}/ticks").text == "data: tick\n\ndata: tock\n\n"


def test_a_trailing_slash_is_redirected_below_the_mount(mounted: TestClient) -> None:
    answer = mounted.get("/x/api/hello/", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (308, "/x/api/hello")


def test_an_encoded_slash_stays_in_its_segment_below_a_mount(mounted: TestClient) -> None:
    assert mounted.get("/x/api/names/a%2Fb%C3%A9").json() == {"name": "a/bé"}


def test_a_mounted_app_refuses_what_it_has_not(mounted: TestClient) -> None:
    assert mounted.get("/x/api/nothing").status_code == 404
    assert mounted.put("/x/api/hello").status_code == 405


def test_a_mounted_app_refuses_a_websocket(mounted: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(WebSocketDisconnect), mounted.websocket_connect("/x/api/hello"):
        pass
    assert "A WebSocket was refused with 403" in caplog.text


@pytest.mark.parametrize("path", ["", "/v1"])
def test_httpx_calls_the_app(tmp_path: Path, path: str) -> None:
    async def ask() -> Any:
        transport = httpx.ASGITransport(App(project(tmp_path, FILES)).asgi, root_path=path)
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            return (await client.get(f"{path}/api/async/hello")).json()

    assert asyncio.run(ask()) == {"root": path, "url": f"http://site{path}/api/async/hello"}


# -- in front


def site_with_notes(notes: list[str]) -> FastAPI:
    """Return a FastAPI application that notes the beginning and the end of its lifespan."""

    @asynccontextmanager
    async def lifespan(site: FastAPI) -> AsyncIterator[dict[str, str]]:
        notes.append("started")
        yield {"made": "at start"}
        notes.append("stopped")

    site = FastAPI(lifespan=lifespan)

    @site.get("/items/{item}")
    async def item(item: int, request: Request) -> Any:
        return {"item": item, "made": request.state.made}

    @site.post("/echo")
    async def echo(body: dict[str, Any]) -> Any:
        return body

    @site.websocket("/talk")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text((await websocket.receive_text()).upper())
        await websocket.close()

    return site


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def in_front(tmp_path: Path, notes: list[str]) -> Iterator[TestClient]:
    app = App(project(tmp_path, FILES), fallback=site_with_notes(notes))
    with TestClient(app.asgi) as client:
        yield client


def test_our_routes_come_first(in_front: TestClient) -> None:
    assert in_front.get("/api/async/hello").json()["root"] == ""


def test_the_fallback_answers_the_rest(in_front: TestClient) -> None:
    assert in_front.get("/items/7").json() == {"item": 7, "made": "at start"}
    assert in_front.post("/echo", json={"a": 1}).json() == {"a": 1}
    assert in_front.get("/items/x").status_code == 422
    assert in_front.get("/openapi.json").json()["info"]["title"] == "FastAPI"


def test_the_fallbacks_lifespan_runs(in_front: TestClient, notes: list[str]) -> None:
    assert notes == ["started"]
    in_front.__exit__(None, None, None)
    assert notes == ["started", "stopped"]
    in_front.__enter__()  # for the fixture


def test_the_fallbacks_websockets_work(in_front: TestClient) -> None:
    with in_front.websocket_connect("/talk") as websocket:
        websocket.send_text("hello")
        assert websocket.receive_text() == "HELLO"
