"""`client.session()`: a test's way to a session."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.testing import AsyncClient, Client
from tests.sessions.session_cases import app_with
from tests.support import HELLO, project

OPTIONS = ["", "store='memory'", "store='sqlite'", "secure=True", "name='sid', path='/api'"]
TWO = {
    f"pages/api/{name}/_middleware.py": (
        f"from apiroutes.middleware import sessions\nmiddleware = [sessions(name={name!r}, store='memory')]\n"
    )
    for name in "ab"
}
WHO = "def GET(req): return {'owner': req.session.owner}\n"


@pytest.fixture(params=OPTIONS)
def client(tmp_path: Path, request: pytest.FixtureRequest) -> Client:
    return Client(app_with(tmp_path, request.param))


def read(client: Client) -> Any:
    return client.get("/api/x").json


def test_a_client_keeps_its_session_from_call_to_call(client: Client) -> None:
    client.post("/api/x", data="session['a'] = [1]")
    client.post("/api/x", data="session['a'].append(2)")
    assert read(client)["values"] == {"a": [1, 2]}


def test_a_test_signs_in(client: Client) -> None:
    with client.session() as session:
        session["cart"] = ["tea"]
        session.rotate(owner="ada")
    assert client.get("/api/x").json == {"values": {"cart": ["tea"]}, "owner": "ada", "is_new": False}


def test_a_test_sees_what_a_handler_has_kept(client: Client) -> None:
    client.post("/api/x", data="session['a'] = 1")
    with client.session() as session:
        assert dict(session) == {"a": 1}
        session["a"] = 2
    assert read(client)["values"] == {"a": 2}


def test_a_test_signs_out(client: Client) -> None:
    client.post("/api/x", data="session['a'] = 1")
    with client.session() as session:
        session.clear()
    assert read(client)["is_new"] is True


def test_a_test_that_fails_changes_nothing(client: Client) -> None:
    with contextlib.suppress(AssertionError), client.session() as session:
        session["a"] = 1
        raise AssertionError
    assert read(client)["values"] == {}


@pytest.mark.parametrize("options", ["", "store='sqlite'"])
def test_an_async_test_signs_in(tmp_path: Path, options: str) -> None:
    async def sign_in() -> str:
        client = AsyncClient(app_with(tmp_path, options))
        for owner in ("ada", "bob"):
            with client.session() as session:
                session.rotate(owner=owner)
        return (await client.get("/api/x")).text

    assert '"bob"' in asyncio.run(sign_in())


def test_of_several_sessions_a_path_chooses_one(tmp_path: Path) -> None:
    files = {**TWO, "pages/api/a/who.py": WHO, "pages/api/b/who.py": WHO}
    client = Client(App(project(tmp_path, files)))
    with client.session("/api/b/who") as session:
        session.rotate(owner="ada")
    assert client.get("/api/a/who").json == {"owner": None}
    assert client.get("/api/b/who").json == {"owner": "ada"}
    with pytest.raises(ValueError, match="several"):
        client.session().__enter__()


@pytest.mark.parametrize("path", [None, "/api/hello", "/api/none"])
def test_without_sessions_there_is_none(tmp_path: Path, path: str | None) -> None:
    client = Client(App(project(tmp_path, {"pages/api/hello.py": HELLO})))
    with pytest.raises(TypeError, match="no `sessions"):
        client.session(path).__enter__()
