"""Work after responses on real servers: nothing waits for it, and the end of a worker does."""

from __future__ import annotations

import http.client
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.acceptance.servers import SECONDS, granian, gunicorn_asgi, serve, uvicorn
from tests.support import project, until

pytestmark = pytest.mark.slow

START = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--"]
GUNICORN = [*START, "--bind", "127.0.0.1:0", "--no-control-socket"]
SERVERS = {
    "gthread": GUNICORN,
    "sync": [*GUNICORN, "-k", "sync"],
    "gevent": [*GUNICORN, "-k", "gevent"],
    "granian-wsgi": granian(interface="wsgi"),
    "granian-asgi": granian(interface="asgi"),
    "gunicorn-asgi": gunicorn_asgi(),
    "uvicorn": uvicorn(),
}
if importlib.util.find_spec("gevent") is None:
    del SERVERS["gevent"]

ORDERS = """
import asyncio, time
from pathlib import Path
from apiroutes import after

def wait_and_note(name):
    Path(f"begun-{name}").touch()
    while not Path("go").exists():
        time.sleep(0.01)
    Path(f"done-{name}").touch()

async def wait_and_note_on_loop(name):
    Path(f"begun-{name}").touch()
    while not Path("go").exists():
        await asyncio.sleep(0.01)
    Path(f"done-{name}").touch()

def note_soon(name):
    Path(f"begun-{name}").touch()
    time.sleep(1)
    Path(f"done-{name}").touch()

async def note_soon_on_loop(name):
    Path(f"begun-{name}").touch()
    await asyncio.sleep(1)
    Path(f"done-{name}").touch()

functions = {
    "wait": wait_and_note, "wait-on-loop": wait_and_note_on_loop,
    "soon": note_soon, "soon-on-loop": note_soon_on_loop,
}

{word}def GET(req):
    after(functions[req.query["do"]], req.query["name"])
    if req.query.get("kind") == "stream":
        return (f"{n}\\n" for n in range(3))
    return {"name": req.query["name"]}
"""
FILES = {
    "pages/api/orders.py": ORDERS.replace("{word}", ""),
    "pages/api/orders-async.py": ORDERS.replace("{word}", "async "),
}


@contextmanager
def served(tmp_path: Path, server: str, **variables: str) -> Iterator[http.client.HTTPConnection]:
    with (
        serve(SERVERS[server], tmp_path / "log", variables, project(tmp_path, FILES)) as port,
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection,
    ):
        yield connection


def get(connection: http.client.HTTPConnection, target: str) -> bytes:
    connection.request("GET", target)
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content
    return content


@pytest.mark.parametrize("server", SERVERS)
def test_the_next_request_of_the_connection_does_not_wait_for_it(tmp_path: Path, server: str) -> None:
    with served(tmp_path, server, APIROUTES_AFTER_THREADS="9") as connection:
        names = []
        for route in ("orders", "orders-async"):
            for function in ("wait", "wait-on-loop"):
                for kind in ("whole", "stream"):
                    name = f"{route}-{function}-{kind}"
                    content = get(connection, f"/api/{route}?do={function}&name={name}&kind={kind}")
                    assert content == (b"0\n1\n2\n" if kind == "stream" else b'{"name":"%s"}' % name.encode())
                    names.append(name)
        until(lambda: all((tmp_path / f"begun-{name}").exists() for name in names))
        assert not list(tmp_path.glob("done-*"))
        (tmp_path / "go").touch()
        until(lambda: all((tmp_path / f"done-{name}").exists() for name in names))
    assert "ERROR" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("server", SERVERS)
def test_a_worker_that_is_told_to_stop_does_its_work_first(tmp_path: Path, server: str) -> None:
    with served(tmp_path, server) as connection:
        for route in ("orders", "orders-async"):
            for function in ("soon", "soon-on-loop"):
                get(connection, f"/api/{route}?do={function}&name={route}-{function}")
        connection.close()
    assert len(list(tmp_path.glob("done-*"))) == 4
    assert "lost at the end" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("server", SERVERS)
def test_what_does_not_end_is_logged_by_name(tmp_path: Path, server: str) -> None:
    with served(tmp_path, server, APIROUTES_GRACEFUL_TIMEOUT="3") as connection:
        for function in ("wait", "wait-on-loop"):
            get(connection, f"/api/orders?do={function}&name={function}")
            until((tmp_path / f"begun-{function}").exists)
        connection.close()
    log = (tmp_path / "log").read_text()
    for function in ("wait_and_note", "wait_and_note_on_loop"):
        assert f"GET /api/orders: lost at the end of the process: `{function}` (pages/api/orders.py:" in log
