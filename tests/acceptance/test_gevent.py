"""One event loop under gevent: greenlets wait for its native thread without stopping the others."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.client import Client, OverHttp
from tests.acceptance.servers import SECONDS, environment, gunicorn, serve
from tests.support import project, until

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")

START = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--", "--bind", "127.0.0.1:0"]
WAYS = {
    "gunicorn": gunicorn("apiroutes:create_app()", "-k", "gevent"),
    "apiroutes start": [*START, "-k", "gevent"],
    # It waits for kept-alive connections, and its own handlers open such connections to it.
    "pywsgi": [*START, "-k", "gevent_pywsgi", "--graceful-timeout", "1"],
}

MEETING = """
import asyncio
arrived, event = 0, asyncio.Event()
async def GET():
    global arrived
    arrived += 1
    if arrived == 40:
        event.set()
    await event.wait()
    return "met"
"""
WAITS = """
import asyncio
waiting = []
async def GET():
    waiting.append((asyncio.get_running_loop(), asyncio.Event()))
    await waiting[0][1].wait()
    return "released"
def POST():
    if not waiting:
        return "nobody"
    loop, event = waiting[0]
    loop.call_soon_threadsafe(event.set)
    return "released"
"""
IN_THREADS = """
import asyncio, threading, time
begun, released = set(), []
def wait():
    begun.add(threading.get_ident())
    while not released:
        time.sleep(0.01)
async def GET():
    await asyncio.gather(*(asyncio.to_thread(wait) for _ in range(3)))
    return "released"
def POST():
    if len(begun) < 3:
        return "too few"
    released.append(1)
    return "released"
"""
LATE = """
import asyncio, time
config = {"maxDuration": 0.2}
def GET(): time.sleep(60)
async def POST(): await asyncio.sleep(60)
"""
# Logs in turn on the loop, in its threads and in greenlets.
MIXED = """
import asyncio, contextvars, logging, time
import apiroutes
log = logging.getLogger("mixed")
log.addHandler(logging.FileHandler("mixed.log"))
log.setLevel(logging.INFO)
number = contextvars.ContextVar("number")
lock = asyncio.Lock()
def outer(req, res, next):
    number.set(req.query["n"])
    log.info("outer")
    time.sleep(0.001)
    next()
    log.info("out")
async def between(req, res, next):
    async with lock:
        log.info("between")
        await asyncio.to_thread(log.info, "in a thread")
    await next()
def inner(req, res, next):
    log.info("inner")
    time.sleep(0.001)
    next()
middleware = [outer, between, inner]
async def GET(query):
    log.info("handler")
    await asyncio.sleep(0.001)
    async def chunks():
        for _ in range(3):
            await asyncio.sleep(0)
            yield number.get() + " "
    return apiroutes.stream(chunks())
"""
SHARED = """
import asyncio, socket
lock = asyncio.Lock()
async def GET(query):
    address = query["host"], int(query["port"])
    loop = asyncio.get_running_loop()
    if query["by"] == "lock":
        async with lock:
            await asyncio.sleep(0.001)
        return "hello"
    if query["by"] == "names":
        return "hello" if await loop.getaddrinfo("localhost", 80) else "nobody"
    if query["by"] == "streams":
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET /api/hello HTTP/1.0\\r\\n\\r\\n")
        content = await reader.read()
        writer.close()
        await writer.wait_closed()
    else:
        with socket.socket() as connection:
            connection.setblocking(False)
            await loop.sock_connect(connection, address)
            await loop.sock_sendall(connection, b"GET /api/hello HTTP/1.0\\r\\n\\r\\n")
            content = b""
            while chunk := await loop.sock_recv(connection, 4096):
                content += chunk
    return content.rpartition(b"\\n")[2].decode()
"""
CLIENTS = {
    "httpx": (
        "import httpx\nclient = httpx.AsyncClient()\n"
        "async def GET(query):\n    return (await client.get(query['url'])).text\n"
    ),
    "aiohttp": (
        "import aiohttp\nsession = None\n"
        "async def GET(query):\n"
        "    global session\n    session = session or aiohttp.ClientSession()\n"
        "    async with session.get(query['url']) as answer:\n        return await answer.text()\n"
    ),
    "aiosqlite": (
        "import aiosqlite\n"
        "async def GET(query):\n"
        "    async with aiosqlite.connect(':memory:') as connection:\n"
        "        cursor = await connection.execute(\"select 'hello'\")\n"
        "        return (await cursor.fetchone())[0]\n"
    ),
}
FILES = {
    "hello.py": "def GET(): return 'hello'\n",
    "threads.py": "import os\ndef GET(): return len(os.listdir('/proc/self/task'))\n",
    "meeting.py": MEETING,
    "waits.py": WAITS,
    "in_threads.py": IN_THREADS,
    "late.py": LATE,
    "mixed.py": MIXED,
    "shared.py": SHARED,
    "process.py": "import asyncio\nasync def GET(): await asyncio.create_subprocess_exec('true')\n",
}


@pytest.fixture(scope="module", params=WAYS)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    root = tmp_path_factory.mktemp("gevent")
    files = FILES | {
        f"{name}.py": source for name, source in CLIENTS.items() if importlib.util.find_spec(name)
    }
    project(root, {f"pages/api/{name}": source for name, source in files.items()})
    with serve(WAYS[request.param], root / "log", {}, root) as port:
        yield port


def ask(port: int, *requests: str) -> list[tuple[int, str]]:
    """Send all requests at once, each by a client of its own; return statuses and texts."""

    def send(request: str) -> tuple[int, str]:
        method, target = request.split()
        answer = Client(OverHttp(port)).request(method, target)
        return answer.status, answer.text

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def test_coroutines_run_at_once_on_one_thread(port: int) -> None:
    [(_, before)] = ask(port, "GET /api/threads")
    assert ask(port, *["GET /api/meeting"] * 40) == [(200, "met")] * 40
    [(_, after)] = ask(port, "GET /api/threads")
    assert int(after) - int(before) <= 3  # the loop's own


@pytest.mark.parametrize("target", ["/api/waits", "/api/in_threads"])
def test_plain_handlers_are_served_while_coroutines_wait(port: int, target: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(ask, port, f"GET {target}")
        until(lambda: ask(port, f"POST {target}") == [(200, "released")])
        assert waits.result(SECONDS) == [(200, "released")]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_waiting_handler_is_504_at_its_deadline(port: int, method: str) -> None:
    assert ask(port, f"{method} /api/late", "GET /api/hello") == [
        (504, "Gateway Timeout"),
        (200, "hello"),
    ]


def test_greenlets_the_loop_and_its_threads_log_at_once(port: int) -> None:
    for _ in range(4):
        answers = ask(port, *(f"GET /api/mixed?n={number}" for number in range(32)))
        assert answers == [(200, f"{number} " * 3) for number in range(32)]


@pytest.mark.parametrize("by", ["lock", "names", "streams", "sockets"])
def test_shared_objects_work_in_all_coroutines(port: int, by: str) -> None:
    target = f"/api/shared?by={by}&host=127.0.0.1&port={port}"
    for _ in range(5):
        assert ask(port, *[f"GET {target}"] * 6) == [(200, "hello")] * 6


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_is_shared_by_requests(port: int, name: str) -> None:
    pytest.importorskip(name)
    for _ in range(5):
        target = f"/api/{name}?url=http://127.0.0.1:{port}/api/hello"
        assert ask(port, *[f"GET {target}"] * 6) == [(200, "hello")] * 6


def test_a_coroutine_cannot_start_a_process(port: int) -> None:
    assert ask(port, "GET /api/process") == [(500, "Internal Server Error")]


ENDING = """
import asyncio
from pathlib import Path
def note(line):
    with Path("notes").open("a") as file:
        file.write(line + "\\n")
async def work():
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        note(await asyncio.to_thread(lambda: "worked"))
async def numbers():
    try:
        while True:
            yield 1
    finally:
        await asyncio.sleep(0)
        note("closed")
kept = []
async def GET():
    kept.append(asyncio.create_task(work()))
    kept.append(numbers())
    await anext(kept[1])
"""


@pytest.mark.parametrize("flags", [(), ("--preload",)], ids=["", "preloaded"])
def test_background_tasks_end_with_the_worker(tmp_path: Path, flags: tuple[str, ...]) -> None:
    root = project(
        tmp_path, {"pages/api/x.py": f"config = {{'api': {{'externalResolver': True}}}}\n{ENDING}"}
    )
    with serve([*WAYS["gunicorn"], *flags], root / "log", {}, root) as port:
        assert ask(port, "GET /api/x") == [(200, "")]
    assert (root / "notes").read_text().split() == ["worked", "closed"]
    log = (root / "log").read_text()
    assert "Traceback" not in log
    assert "destroyed" not in log


GREENLETS = """
from gevent import monkey
monkey.patch_all()
import asyncio
import gevent
from apiroutes.concurrency import coroutines
seen = []
async def wait():
    seen.append("waits")
    try:
        await asyncio.Event().wait()
    finally:
        seen.append("cancelled")
async def one():
    return 1
waiting = gevent.spawn(coroutines.run, wait())
while "waits" not in seen:
    gevent.sleep(0.01)
{end}
while "cancelled" not in seen:
    gevent.sleep(0.01)
assert coroutines.run(one()) == 1
assert gevent.get_hub().threadpool.spawn(lambda: coroutines.run(one())).get() == 1
"""
ENDS = {
    "it is killed": "waiting.kill()",
    "it is cancelled by another greenlet": "coroutines.cancel(id(waiting))\ngevent.wait([waiting])",
    "its time-out has passed": "waiting.kill(gevent.Timeout(1))",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_coroutine_is_cancelled_when_its_greenlet_ends(end: str) -> None:
    command = [sys.executable, "-X", "dev", "-c", GREENLETS.format(end=end)]
    ended = subprocess.run(command, env=environment(), timeout=SECONDS, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "destroyed" not in ended.stderr
