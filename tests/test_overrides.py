"""`Client.override`: a dependency replaced for tests, wherever it is needed."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

from apiroutes import App, Depends
from apiroutes.testing import AsyncClient, Client
from tests.asgi_server import AsWSGI
from tests.support import project

# Written as text, so that `--interface asgi-loop` does not change the functions that the tests take from it.
LIBRARY = """
from typing import Annotated
from apiroutes import Depends
def session():
    yield "real session"
def clock():
    return "real clock"
def user(db: Annotated[str, Depends(session)]):
    return f"user of {db}"
"""
HANDLERS = """
from typing import Annotated
from LIBRARY import clock, session, user
from apiroutes import Depends
def GET(user: Annotated[str, Depends(user)], db: Annotated[str, Depends(session)]):
    return [user, db]
async def POST(db: Annotated[str, Depends(session)]):
    return [db]
def DELETE(time: Annotated[str, Depends(clock)]):
    return [time]
"""
REAL = ["user of real session", "real session"]


@pytest.fixture
def library(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The project's module of dependencies, by a name that no other test has."""
    name = f"overridden_{abs(hash(request.node.nodeid))}"
    (tmp_path / f"{name}.py").write_text(LIBRARY, encoding="utf-8")
    sys.path.insert(0, str(tmp_path))
    yield importlib.import_module(name)
    sys.path.remove(str(tmp_path))
    del sys.modules[name]


@pytest.fixture
def app(tmp_path: Path, library: Any) -> App:
    return App(project(tmp_path, {"pages/api/x.py": HANDLERS.replace("LIBRARY", library.__name__)}))


@pytest.fixture
def client(app: App) -> Client:
    return Client(app)


def plain() -> str:
    return "fake"


async def coroutine() -> str:
    return "fake"


def generator() -> Iterator[str]:
    yield "fake"


async def async_generator() -> Any:
    yield "fake"


def sesion() -> None: ...


class Fake(str):
    def __new__(cls) -> Fake:
        return super().__new__(cls, "fake")


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
@pytest.mark.parametrize("replacement", [plain, coroutine, generator, async_generator, Fake, lambda: "fake"])
def test_a_replacement_of_any_kind_is_called_for_all_that_need_the_function(
    client: Client, app: App, library: Any, replacement: Any, interface: str
) -> None:
    client.override(library.session, replacement)
    caller = client if interface == "wsgi" else Client(AsWSGI(app.asgi))
    assert caller.get("/api/x").json == ["user of fake", "fake"]
    assert caller.post("/api/x").json == ["fake"]
    assert caller.delete("/api/x").json == ["real clock"]


def test_it_ends_with_its_block(client: Client, library: Any) -> None:
    with client.override(library.session, plain):
        assert client.get("/api/x").json == ["user of fake", "fake"]
    assert client.get("/api/x").json == REAL


def test_it_ends_with_the_client(app: App, library: Any) -> None:
    with Client(app) as first:
        first.override(library.session, plain)
        first.override(library.clock, plain)
    second = Client(app)
    assert second.get("/api/x").json == REAL
    assert second.delete("/api/x").json == ["real clock"]


def test_the_latest_of_several_holds(client: Client, library: Any) -> None:
    first = client.override(library.session, plain)
    with client.override(library.session, lambda: "second"):
        first.undo()
        assert client.post("/api/x").json == ["second"]
    assert client.post("/api/x").json == ["real session"]


def test_a_replacement_has_parameters_of_its_own(client: Client, library: Any) -> None:
    def fake(request: Any, n: int) -> str:
        return f"{request.method} {n}"

    client.override(library.session, fake)
    assert client.post("/api/x?n=5").json == ["POST 5"]
    assert client.post("/api/x?n=b").status_code == 422


def test_a_replacement_may_need_what_it_replaces(client: Client, library: Any) -> None:
    def fake(db: Any) -> str:
        return f"fake of {db}"

    from typing import Annotated

    fake.__annotations__["db"] = Annotated[str, Depends(library.session)]
    client.override(library.session, fake)
    assert client.get("/api/x").json == ["user of fake of real session", "fake of real session"]


def test_one_behind_another_holds_when_that_ends(client: Client, library: Any) -> None:
    with client.override(library.user, plain):
        client.override(library.session, lambda: "fake session")
        assert client.get("/api/x").json == ["fake", "fake session"]
    assert client.get("/api/x").json == ["user of fake session", "fake session"]


@pytest.mark.parametrize("replacement", [None, "fake", 5])
def test_a_value_is_no_replacement(client: Client, library: Any, replacement: Any) -> None:
    with pytest.raises(TypeError, match="lambda: fake"):
        client.override(library.session, replacement)


def test_a_replacement_that_cannot_be_filled_changes_nothing(client: Client, library: Any) -> None:
    with pytest.raises(TypeError, match="cannot tell where the parameter 'unknown' comes from"):
        client.override(library.session, lambda unknown: unknown)
    assert client.get("/api/x").json == REAL


def test_a_function_that_nothing_needs_is_told_with_the_nearest(client: Client) -> None:
    with pytest.raises(ValueError, match=r"nothing .* depends on `.*sesion` .*Did you mean `session`"):
        client.override(sesion, plain)


def test_a_file_that_was_imported_twice_is_told(client: Client, library: Any) -> None:
    spec = importlib.util.spec_from_file_location("other_name", library.__file__)
    assert spec is not None
    assert spec.loader is not None
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    with pytest.raises(ValueError, match="imported twice"):
        client.override(other.session, plain)


def test_only_an_app_has_dependencies(library: Any) -> None:
    with pytest.raises(TypeError, match="this client calls a function"):
        Client(lambda environ, start_response: []).override(library.session, plain)


def test_an_async_client_overrides_as_well(app: App, library: Any) -> None:
    async def use() -> Any:
        async with AsyncClient(app) as client:
            client.override(library.session, plain)
            return (await client.get("/api/x")).json

    assert asyncio.run(use()) == ["user of fake", "fake"]
    assert Client(app).get("/api/x").json == REAL


def test_an_alias_is_told_with_its_function(tmp_path: Path) -> None:
    client = Client(App(project(tmp_path, {"pages/api/x.py": "def GET(): ...\n"})))
    alias: Any = Annotated[str, Depends(print)]
    with pytest.raises(TypeError, match="pass `print` itself"):
        client.override(alias, print)


# -- steps that are middleware as well

SIGN_IN = """
from typing import Annotated
from LIBRARY import KIND, writes
from apiroutes import Depends, use
@use(KIND)
def GET(req): return [req.context["user"]]
@use(KIND)
def PUT(user: Annotated[str, Depends(KIND)]): return [user]
def POST(user: Annotated[str, Depends(KIND)], req): return [user, req.context["user"]]
@use(KIND, writes)
def PATCH(req): return [req.context["user"]["name"]]
"""
STEPS = """
from apiroutes.middleware import bearer, require
async def find(token): return None
def look_up(token): return None
current_user = bearer(look_up)
later_user = bearer(find)
writes = require(scope="notes:write")
needs_writes = require(scope="notes:write", user=current_user)
"""


@pytest.fixture
def steps(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The project's module of steps."""
    name = f"steps_{abs(hash(request.node.nodeid))}"
    (tmp_path / f"{name}.py").write_text(STEPS, encoding="utf-8")
    sys.path.insert(0, str(tmp_path))
    yield importlib.import_module(name)
    sys.path.remove(str(tmp_path))
    del sys.modules[name]


@pytest.mark.parametrize("kind", ["current_user", "later_user"])
@pytest.mark.parametrize("replacement", [plain, coroutine, generator, async_generator, lambda: "fake"])
def test_a_step_is_replaced_as_middleware_and_as_dependency(
    tmp_path: Path, steps: Any, kind: str, replacement: Any
) -> None:
    source = SIGN_IN.replace("LIBRARY", steps.__name__).replace("KIND", kind)
    client = Client(App(project(tmp_path, {"pages/api/x.py": source})))
    assert client.get("/api/x").status_code == 401
    with client.override(getattr(steps, kind), replacement):
        assert client.get("/api/x").json == ["fake"]
        assert client.put("/api/x").json == ["fake"]
        assert client.post("/api/x").json == ["fake", "fake"]
    assert [client.open("/api/x", method=name).status_code for name in ("GET", "PUT", "POST")] == [401] * 3


@pytest.mark.parametrize("scope", ["notes:write", "notes:read"])
def test_what_a_user_may_do_goes_by_the_replacement(tmp_path: Path, steps: Any, scope: str) -> None:
    source = SIGN_IN.replace("LIBRARY", steps.__name__).replace("KIND", "current_user")
    source += "@use(needs_writes)\ndef DELETE(req): return [req.context['user']['name']]\n"
    source = source.replace("import current_user", "import current_user, needs_writes")
    client = Client(App(project(tmp_path, {"pages/api/x.py": source})))
    client.override(steps.current_user, lambda: {"name": "ada", "scope": scope})
    for answer in (client.patch("/api/x"), client.delete("/api/x")):
        assert answer.status_code == (200 if scope == "notes:write" else 403)


def test_a_replaced_step_has_parameters_of_its_own(tmp_path: Path, steps: Any) -> None:
    source = SIGN_IN.replace("LIBRARY", steps.__name__).replace("KIND", "current_user")
    client = Client(App(project(tmp_path, {"pages/api/x.py": source})))

    def fake(req: Any) -> str:
        return str(req.headers["X-User"])

    client.override(steps.current_user, fake)
    assert client.get("/api/x", headers={"X-User": "ada"}).json == ["ada"]


def test_a_step_that_only_middleware_uses_is_replaced(tmp_path: Path, steps: Any) -> None:
    source = f"from {steps.__name__} import current_user\nmiddleware = [current_user]\n"
    source += "def GET(req): return [req.context['user']]\n"
    client = Client(App(project(tmp_path, {"pages/api/x.py": source})))
    with pytest.raises(ValueError, match="Did you mean `bearer`"):
        client.override(steps.later_user, plain)
    client.override(steps.current_user, plain)
    assert client.get("/api/x").json == ["fake"]
