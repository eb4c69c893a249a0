"""Objects that a project creates once and all of its requests share: clients, pools, locks, queues, tasks.

All coroutines of a process run on one event loop, so an object that one request created works in every
other, also under servers with threads.
"""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.client import Answer, Client, OverHttp
from tests.acceptance.servers import SECONDS, granian, serve
from tests.support import project, until

pytestmark = pytest.mark.slow

CLIENTS, REQUESTS = 6, 15

FILES = {
    "pages/api/over_httpx.py": """
import os
import httpx
client = httpx.AsyncClient()
async def GET(query):
    answer = await client.get(os.environ["UPSTREAM"] + "/" + query["n"])
    return answer.text
""",
    "pages/api/over_aiohttp.py": """
import os
import aiohttp
session = None
async def GET(query):
    global session
    if session is None:
        session = aiohttp.ClientSession()
    async with session.get(os.environ["UPSTREAM"] + "/" + query["n"]) as answer:
        return await answer.text()
""",
    "pages/api/over_redis.py": """
import os
import redis.asyncio
client = redis.asyncio.Redis(unix_socket_path=os.environ["REDIS"], decode_responses=True)
async def GET(query):
    await client.set("number " + query["n"], query["n"])
    return await client.get("number " + query["n"])
""",
    "pages/api/over_sqlalchemy.py": """
import os
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
engine = create_async_engine("sqlite+aiosqlite:///" + os.environ["DATABASE"])
async def GET(query):
    async with engine.connect() as connection:
        result = await connection.execute(text("select :n"), {"n": query["n"]})
        return result.scalar_one()
""",
    "pages/api/under_a_lock.py": """
import asyncio
lock = asyncio.Lock()
inside = []
async def GET(query):
    async with lock:
        inside.append(query["n"])
        await asyncio.sleep(0.001)
        return inside.pop() if len(inside) == 1 else "two at once"
""",
    "pages/api/_shared.py": """
import asyncio
lock = asyncio.Lock()
queue = asyncio.Queue()
released = asyncio.Event()
tasks = set()
order = []
""",
    "pages/api/background.py": """
import asyncio
from pathlib import Path
from ._shared import tasks
async def work(name):
    for _ in range(3):
        await asyncio.sleep(0.01)
    Path(name).touch()
async def POST(query):
    task = asyncio.create_task(work(query["name"]))
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return {"begun": True}
""",
    "pages/api/queue.py": """
from pathlib import Path
from ._shared import queue
async def GET(query):
    Path(query["taking"]).touch()
    return await queue.get()
""",
    "pages/api/queue/[item].py": """
from .._shared import queue
async def POST(params):
    await queue.put(params["item"])
    return {"put": True}
""",
    "pages/api/lock/hold.py": """
from pathlib import Path
from .._shared import lock, order, released
async def POST(query):
    async with lock:
        Path(query["held"]).touch()
        await released.wait()
        order.append("the first")
    return {"held": True}
""",
    "pages/api/lock/wait.py": """
from pathlib import Path
from .._shared import lock, order
async def POST(query):
    Path(query["waiting"]).touch()
    async with lock:
        return [*order, "the second"]
""",
    "pages/api/lock/release.py": """
from .._shared import released
async def POST():
    released.set()
    return {"released": True}
""",
    "pages/api/pid.py": "import os\ndef GET():\n    return os.getpid()\n",
    "pages/api/together.py": """
import asyncio
here, all_here = 0, asyncio.Event()
async def GET(query):
    global here
    await asyncio.sleep(0.5)
    here += 1
    if here == int(query["all"]):
        all_here.set()
    await all_here.wait()
    return here
""",
}

START = [sys.executable, "-m", "apiroutes", "start", "--workers", "1"]
GUNICORN = [*START, "--", "--bind", "127.0.0.1:0"]
SERVERS = {
    "gthread": [*GUNICORN, "--worker-class", "gthread", "--threads", "8"],
    "gevent": [*GUNICORN, "--worker-class", "gevent"],
    "granian": granian("--blocking-threads", "8"),
}
SHARED = ["over_httpx", "over_aiohttp", "over_redis", "over_sqlalchemy", "under_a_lock"]


class _Upstream(http.server.BaseHTTPRequestHandler):
    """A server that answers with the last segment of the path, and keeps the connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        content = self.path.rpartition("/")[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Upstream)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join(SECONDS)
    server.server_close()


@contextmanager
def _redis() -> Iterator[str]:
    """Run a Redis server; the value is the path of its socket, or "" where Redis is not installed."""
    command = shutil.which("redis-server")
    if command is None:
        yield ""
        return
    with tempfile.TemporaryDirectory() as directory:  # the path of a socket is short
        path = Path(directory) / "redis"
        server = subprocess.Popen(
            [command, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", directory],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(path.exists)
            yield str(path)
        finally:
            server.terminate()
            try:
                server.wait(SECONDS)
            finally:
                server.kill()
                server.wait()


@pytest.fixture(scope="module", params=SERVERS)
def port(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: str
) -> Iterator[int]:
    directory = project(tmp_path_factory.mktemp(request.param), FILES)
    with _redis() as redis:
        variables = {"UPSTREAM": upstream, "REDIS": redis, "DATABASE": str(directory / "database")}
        with serve(SERVERS[request.param], directory / "log", variables, directory) as port:
            yield port


def ask(port: int, method: str, path: str) -> Answer:
    return Client(OverHttp(port)).request(method, path)


@pytest.mark.parametrize("route", SHARED)
def test_a_shared_object_serves_all_requests(port: int, route: str) -> None:
    if route == "over_redis" and shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")

    def ask_in_turn(client: int) -> None:
        for number in range(REQUESTS):
            answer = ask(port, "GET", f"/api/{route}?n={client}x{number}")
            assert (answer.status, answer.text) == (200, f"{client}x{number}")

    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(ask_in_turn, client) for client in range(CLIENTS)]
    assert [repr(client.exception()) for client in asked if client.exception()] == []


def test_a_background_task_runs_on_without_another_request(port: int, tmp_path: Path) -> None:
    assert ask(port, "POST", f"/api/background?name={tmp_path / 'done'}").status == 200
    until((tmp_path / "done").exists)


def test_a_queue_carries_from_one_request_to_another(port: int, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(ask, port, "GET", f"/api/queue?taking={tmp_path / 'taking'}")
        until((tmp_path / "taking").exists)
        assert ask(port, "POST", "/api/queue/parcel").status == 200
        assert taken.result().text == "parcel"


def test_a_request_waits_for_a_lock_that_another_holds(port: int, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first: Future[Answer] = pool.submit(ask, port, "POST", f"/api/lock/hold?held={tmp_path / 'held'}")
        until((tmp_path / "held").exists)
        second = pool.submit(ask, port, "POST", f"/api/lock/wait?waiting={tmp_path / 'waiting'}")
        until((tmp_path / "waiting").exists)
        assert ask(port, "POST", "/api/lock/release").status == 200
        assert first.result().status == 200
        assert second.result().json() == ["the first", "the second"]


def test_under_gevent_many_coroutines_wait_at_once_in_little_memory(tmp_path: Path) -> None:
    project(tmp_path, {name: FILES[name] for name in ("pages/api/pid.py", "pages/api/together.py")})
    with serve([*GUNICORN, "-k", "gevent"], tmp_path / "log", {}, tmp_path) as port:
        worker = ask(port, "GET", "/api/pid").json()
        before = _memory_mb(worker)
        with ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(lambda _: ask(port, "GET", "/api/together?all=40"), range(40)))
        assert [(answer.status, answer.text) for answer in answers] == [(200, "40")] * 40
        assert _memory_mb(worker) - before < 100
        assert ask(port, "GET", "/api/pid").json() == worker


def _memory_mb(process: int) -> float:
    """Return the peak memory of a process."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert peak is not None
    return int(peak[1]) / 1024
