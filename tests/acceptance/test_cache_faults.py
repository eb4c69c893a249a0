"""The response cache on real servers: crowds, revalidations under load, and what fails in the middle."""

from __future__ import annotations

import http.client
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.client import Answer, Client, OverHttp
from tests.acceptance.servers import SECONDS, granian, gunicorn, serve, uvicorn
from tests.redis_server import redis_server
from tests.support import project, until

pytestmark = pytest.mark.slow

CLOCK = Path(__file__).parents[1] / "faults" / "clockshim"
TOP = Path(__file__).parents[2]

RUNS = """
import fcntl
import os
from pathlib import Path

def add(name):
    with open(name + ".number", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        number = int(file.read() or 0) + 1
        file.truncate(0)
        file.write(str(number))
    return number

def number(name):
    file = Path(name + ".number")
    while True:
        text = file.read_text() if file.exists() else "0"
        if text:
            return int(text)
"""
# What is read and written under load: its number, by what revalidates it.
VALUE = """
from {dots}_runs import add, number
{more}
revalidate = False
def GET(): return {{"number": number("{kind}")}}
"""
WRITE = """
from apiroutes import revalidate_path, revalidate_tag
from ._runs import add
def POST(res, query):
    written = add(query["kind"])
    {then}
    return {{"number": written}}
"""
FILES = {
    "pages/api/_runs.py": RUNS,
    "pages/api/slow.py": (
        "import time\nfrom ._runs import add\nrevalidate = 60\n"
        "def GET():\n    n = add('slow')\n    time.sleep(0.3)\n    return {'n': n}\n"
    ),
    "pages/api/held.py": (
        "import os, time\nfrom pathlib import Path\nfrom ._runs import add\nrevalidate = 60\n"
        "def GET():\n    n = add('held')\n"
        "    new = Path(f'held-by.{os.getpid()}.{n}')\n    new.write_text(str(os.getpid()))\n"
        "    new.replace('held-by')\n"
        "    while not Path('go').exists(): time.sleep(0.01)\n    return {'n': n}\n"
    ),
    "pages/api/short.py": (
        "from ._runs import add\nconfig = {'cache': {'revalidate': 1, 'stale': 0}}\n"
        "def GET(): return {'n': add('short')}\n"
    ),
    "pages/api/other.py": "def GET(): return 'other'\n",
    "pages/api/by_path.py": VALUE.format(kind="by_path", dots=".", more=""),
    "pages/api/items/[id].py": VALUE.format(kind="by_pattern", dots="..", more=""),
    "pages/api/below/it/[id].py": VALUE.format(kind="below", dots="...", more=""),
    "pages/api/by_tag.py": VALUE.format(kind="by_tag", dots=".", more="").replace(
        "revalidate = False", "config = {'cache': {'revalidate': False, 'tags': ['it']}}"
    ),
    "pages/api/by_itself.py": VALUE.format(
        kind="by_itself", dots=".", more="def POST(): return {'number': add('by_itself')}"
    ),
    "pages/api/function.py": (
        "from apiroutes import cached\nfrom ._runs import number\n"
        "@cached(tags=['value'])\ndef value(): return number('function')\n"
        "def GET(): return {'number': value()}\n"
    ),
    "pages/api/inherited.py": (
        "from apiroutes import cached\nfrom ._runs import number\nrevalidate = False\n"
        "@cached(tags=['inner'])\ndef value(): return number('inherited')\n"
        "def GET(): return {'number': value()}\n"
    ),
    "pages/api/write_path.py": WRITE.format(then="revalidate_path('/api/by_path')"),
    "pages/api/write_res.py": WRITE.format(then="res.revalidate('/api/by_path')"),
    "pages/api/write_pattern.py": WRITE.format(then="revalidate_path('/api/items/[id]')"),
    "pages/api/write_below.py": WRITE.format(then="revalidate_path('/api/below', type='layout')"),
    "pages/api/write_tag.py": WRITE.format(then="revalidate_tag(query['tag'])"),
}
# What is read, and what writes it.
READ_AND_WRITTEN = {
    "/api/by_path": "/api/write_path?kind=by_path",
    "/api/items/7": "/api/write_pattern?kind=by_pattern",
    "/api/below/it/7": "/api/write_below?kind=below",
    "/api/by_tag": "/api/write_tag?kind=by_tag&tag=it",
    "/api/by_itself": "/api/by_itself",
    "/api/function": "/api/write_tag?kind=function&tag=value",
    "/api/inherited": "/api/write_tag?kind=inherited&tag=inner",
}

GTHREAD = ["--worker-class=gthread", "--threads=16"]
TWO_WORKERS = {
    "gunicorn": gunicorn("apiroutes:create_app()", "--workers=2", *GTHREAD),
    "uvicorn": uvicorn(workers=2),
}


@contextmanager
def store(kind: str, directory: Path) -> Iterator[dict[str, str]]:
    """Yield the settings of servers that share a store."""
    if kind == "sqlite":
        yield {"APIROUTES_CACHE_PATH": str(directory / "shared" / "cache.db")}
    else:
        with redis_server() as redis:
            yield {"APIROUTES_CACHE": redis.patient_url}


STORES = ["sqlite", "redis"]


def ask(port: int, path: str) -> Answer:
    """Send a GET to one site, whichever server it is of."""
    return Client(OverHttp(port)).request("GET", path, {"Host": "site.test"})


def status_of(answer: Answer) -> str:
    return answer.header("Cache-Status") or ""


# -- crowds


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("name", TWO_WORKERS)
@pytest.mark.parametrize("clients", [50, 200])
def test_a_crowd_at_two_workers_has_one_computation(
    tmp_path: Path, kind: str, name: str, clients: int
) -> None:
    project(tmp_path, FILES)
    with (
        store(kind, tmp_path) as settings,
        serve(TWO_WORKERS[name], tmp_path / "log", settings, tmp_path) as port,
        ThreadPoolExecutor(clients) as pool,
    ):
        answers = list(pool.map(lambda _: ask(port, "/api/slow"), range(clients)))
    assert {(answer.status, answer.text) for answer in answers} == {(200, '{"n":1}')}


@pytest.mark.parametrize("kind", STORES)
def test_a_crowd_at_two_servers_has_one_computation(tmp_path: Path, kind: str) -> None:
    project(tmp_path, FILES)
    with ExitStack() as stack:
        settings = stack.enter_context(store(kind, tmp_path))
        ports = [
            stack.enter_context(serve(TWO_WORKERS["gunicorn"], tmp_path / f"log{number}", settings, tmp_path))
            for number in range(2)
        ]
        pool = stack.enter_context(ThreadPoolExecutor(200))
        answers = list(pool.map(lambda number: ask(ports[number % 2], "/api/slow"), range(200)))
    assert {(answer.status, answer.text) for answer in answers} == {(200, '{"n":1}')}


def started(*flags: str) -> list[str]:
    return [sys.executable, "-m", "apiroutes", "start", "--workers", "1", *flags]


BIND = ["--", "--bind", "127.0.0.1:0"]
# A server, how many clients come at once, and how many computations there are: one, and those of the
# clients that may not wait for long, past half of the threads.
WAITING = {
    "gunicorn": (started("--threads", "16", *BIND), 12, 4),
    "gunicorn by itself": (started(*BIND), 12, 4),
    "granian": (granian(), 20, 4),
    "uvicorn": (uvicorn(), 36, 4),
}


@pytest.mark.parametrize("name", WAITING)
def test_half_of_the_threads_of_a_server_may_wait_for_long(tmp_path: Path, name: str) -> None:
    project(tmp_path, FILES)
    command, clients, computed = WAITING[name]
    number = tmp_path / "held.number"
    with serve(command, tmp_path / "log", {}, tmp_path) as port, ThreadPoolExecutor(clients) as pool:
        answers = [pool.submit(ask, port, "/api/held") for _ in range(clients)]
        until(lambda: number.exists() and number.read_text() == str(computed))
        (tmp_path / "go").touch()
        assert {answer.result().status for answer in answers} == {200}
    assert number.read_text() == str(computed)


SECOND = (
    "import time\nfrom ._runs import add\nrevalidate = 60\n"
    "def GET():\n    n = add('second')\n    time.sleep(1)\n    return {'n': n}\n"
)
ONE_COMPUTATION = {
    "gunicorn": (started("--threads", "16", *BIND), 9),
    "gevent": (started(*BIND, "--worker-class", "gevent"), 12),
}


@pytest.mark.parametrize("name", ONE_COMPUTATION)
def test_those_who_may_wait_have_one_computation_of_a_second(tmp_path: Path, name: str) -> None:
    """Under gevent all may, as they keep nobody else from being answered."""
    project(tmp_path, {**FILES, "pages/api/second.py": SECOND})
    command, clients = ONE_COMPUTATION[name]
    with serve(command, tmp_path / "log", {}, tmp_path) as port, ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(lambda _: ask(port, "/api/second"), range(clients)))
    assert {(answer.status, answer.text) for answer in answers} == {(200, '{"n":1}')}


# -- revalidations under load


class Load:
    """Clients that read and write a number at once, and what a read has shown that was too old."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._written = dict.fromkeys(READ_AND_WRITTEN, 0)  # what a response to a writer has said
        self.reads = dict.fromkeys(READ_AND_WRITTEN, 0)
        self.hits = 0
        self.too_old: list[str] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def run(self, seconds: float) -> None:
        with ThreadPoolExecutor(2 * len(READ_AND_WRITTEN) + len(READ_AND_WRITTEN)) as pool:
            clients = [pool.submit(self._repeat, self._write, path) for path in READ_AND_WRITTEN]
            clients += [pool.submit(self._repeat, self._read, path) for path in READ_AND_WRITTEN] * 2
            self._ended.wait(seconds)
            self._ended.set()
        for client in clients:
            client.result()

    def _repeat(self, ask: Callable[[http.client.HTTPConnection, str], None], path: str) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS)) as connection:
            while not self._ended.is_set():
                ask(connection, path)

    def _write(self, connection: http.client.HTTPConnection, path: str) -> None:
        number, _ = self._ask(connection, "POST", READ_AND_WRITTEN[path])
        with self._lock:
            self._written[path] = max(self._written[path], number)
        self._ended.wait(0.003)  # so that something is served from the store meanwhile

    def _read(self, connection: http.client.HTTPConnection, path: str) -> None:
        with self._lock:
            least = self._written[path]
        number, status = self._ask(connection, "GET", path)
        with self._lock:
            self.reads[path] += 1
            self.hits += "hit" in status
            if number < least:
                self.too_old.append(f"{path}: {number} after {least} was written ({status})")

    def _ask(self, connection: http.client.HTTPConnection, method: str, path: str) -> tuple[int, str]:
        connection.request(method, path)
        response = connection.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        assert answer.status == 200, answer
        number: int = answer.json()["number"]
        return number, status_of(answer)


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("name", TWO_WORKERS)
def test_no_request_that_begins_after_a_revalidation_sees_an_older_value(
    tmp_path: Path, kind: str, name: str
) -> None:
    project(tmp_path, FILES)
    with (
        store(kind, tmp_path) as settings,
        serve(TWO_WORKERS[name], tmp_path / "log", settings, tmp_path) as port,
    ):
        load = Load(port)
        load.run(seconds=8)
    assert load.too_old == []
    assert load.hits > 0
    assert min(load.reads.values()) > 0


# -- failures


@pytest.mark.parametrize("kind", STORES)
def test_a_worker_that_is_killed_leaves_its_computation_to_others(tmp_path: Path, kind: str) -> None:
    project(tmp_path, FILES)
    one_worker = gunicorn("apiroutes:create_app()", "--workers=1", *GTHREAD)
    with ExitStack() as stack:
        settings = stack.enter_context(store(kind, tmp_path)) | {"APIROUTES_CACHE_LOCK_TIMEOUT": "600"}
        killed, other = (
            stack.enter_context(serve(one_worker, tmp_path / f"log{number}", settings, tmp_path))
            for number in range(2)
        )
        pool = stack.enter_context(ThreadPoolExecutor(2))
        lost = pool.submit(ask, killed, "/api/held")
        until((tmp_path / "held-by").exists)
        owner = int((tmp_path / "held-by").read_text())
        waiting = pool.submit(ask, other, "/api/held")
        os.kill(owner, signal.SIGKILL)
        (tmp_path / "go").touch()
        assert lost.exception(SECONDS) is not None
        assert waiting.result(SECONDS).json() == {"n": 2}
        assert ask(killed, "/api/held").json() == {"n": 2}


@pytest.mark.parametrize("name", TWO_WORKERS)
def test_a_redis_that_fails_is_a_miss(tmp_path: Path, name: str) -> None:
    project(tmp_path, FILES)
    log = tmp_path / "log"
    with redis_server() as redis:
        settings = {"APIROUTES_CACHE": redis.url}
        with serve(TWO_WORKERS[name], log, settings, tmp_path) as port:

            def statuses() -> list[int]:
                paths = ["/api/slow", "/api/other", "/api/slow?x=1", "/api/function"]
                return [ask(port, path).status for path in paths]

            def is_served_again() -> bool:
                ask(port, "/api/slow")
                return "hit" in status_of(ask(port, "/api/slow"))

            assert is_served_again()
            redis.freeze()
            assert statuses() == [200] * 4
            redis.thaw()
            until(is_served_again)
            redis.kill()
            assert statuses() == [200] * 4
            redis.start()
            until(is_served_again)
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize("name", TWO_WORKERS)
def test_a_clock_that_is_set_changes_nothing(tmp_path: Path, name: str) -> None:
    project(tmp_path, FILES)
    offset = tmp_path / "offset"
    settings: dict[str, Any] = {
        "CLOCK_OFFSET_FILE": str(offset),
        "PYTHONPATH": os.pathsep.join([str(CLOCK), str(TOP)]),
    }
    offset.write_text("0")
    with serve(TWO_WORKERS[name], tmp_path / "log", settings, tmp_path) as port:
        assert ask(port, "/api/slow").json() == {"n": 1}
        for seconds in (3600, -7200, 0):
            offset.with_suffix(".new").write_text(str(seconds))
            offset.with_suffix(".new").replace(offset)
            kept = ask(port, "/api/slow")
            assert "hit" in status_of(kept)
            assert kept.json() == {"n": 1}
            assert int(kept.header("Age") or "0") < 60
            short, began = ask(port, "/api/short").json()["n"], time.monotonic()
            until(lambda short=short: ask(port, "/api/short").json()["n"] > short)  # type: ignore[misc]
            assert time.monotonic() - began < 10
