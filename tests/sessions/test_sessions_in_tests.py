"""`client.session()`: a test's way to a session."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.stores.session_sqlite import SQLiteSessionStore
from apiroutes.stores.session_store import Lifetime
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


# -- where a test's sessions are

STORES = ["'memory'", "'sqlite'", "'redis://127.0.0.1:1'"]
END = {
    "lib/__init__.py": "",
    "lib/visitors.py": ("from apiroutes.middleware import sessions\nvisitors = sessions(store='sqlite')\n"),
    "middleware.py": "from lib.visitors import visitors\nmiddleware = [visitors]\n",
    "pages/api/end.py": (
        "from lib.visitors import visitors\ndef POST(owner: str): return visitors.end_all(owner)\n"
    ),
    "pages/api/who.py": WHO,
}


def signed_in(client: Client) -> Client:
    with client.session() as session:
        session.rotate(owner="ada")
    return client


def project_with(root: Path, store: str) -> Path:
    source = f"from apiroutes.middleware import sessions\nmiddleware = [sessions(store={store})]\n"
    return project(root, {"middleware.py": source, "pages/api/who.py": WHO})


@pytest.mark.parametrize("store", STORES)
def test_a_test_keeps_its_sessions_in_memory_whatever_the_store(tmp_path: Path, store: str) -> None:
    client = signed_in(Client(project_with(tmp_path, store)))
    assert client.get("/api/who").json == {"owner": "ada"}
    assert not (tmp_path / ".apiroutes").exists()


def test_an_app_file_has_its_sessions_in_memory_too(tmp_path: Path) -> None:
    project_with(tmp_path, "'sqlite'")
    project(tmp_path, {"app.py": "from apiroutes import App\napp = App('.')\n"})
    assert signed_in(Client(tmp_path)).get("/api/who").json == {"owner": "ada"}
    assert not (tmp_path / ".apiroutes").exists()


def test_a_client_finds_no_session_of_another_one(tmp_path: Path) -> None:
    root = project_with(tmp_path, "'sqlite'")
    cookie = signed_in(Client(root)).get_cookie("session")
    assert cookie is not None
    later = Client(root)
    later.set_cookie("session", cookie.value)
    assert later.get("/api/who").json == {"owner": None}


def test_a_test_ends_no_session_but_its_own(tmp_path: Path) -> None:
    project(tmp_path, END)
    server = SQLiteSessionStore(tmp_path / ".apiroutes" / "sessions.db")
    server.begin(b"key", {}, Lifetime(3600.0), "ada")
    client = signed_in(Client(tmp_path))
    assert client.post("/api/end?owner=ada").json == 1
    assert client.get("/api/who").json == {"owner": None}
    assert server.load(b"key", Lifetime(3600.0)) is not None
    server.close()


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_sessions_of_two_directories_are_one_where_their_store_is(tmp_path: Path, store: str) -> None:
    source = f"from apiroutes.middleware import sessions\nmiddleware = [sessions(store={store!r})]\n"
    files = {f"pages/api/{name}/_middleware.py": source for name in "ab"}
    client = Client(project(tmp_path, {**files, "pages/api/a/who.py": WHO, "pages/api/b/who.py": WHO}))
    with client.session("/api/a/who") as session:
        session.rotate(owner="ada")
    assert client.get("/api/b/who").json == {"owner": "ada"}
