"""Sessions on real servers: two workers, a store that they share, crowds, and workers that end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.servers import SECONDS, granian, gunicorn, serve
from tests.redis_server import redis_server
from tests.support import project, until

pytestmark = pytest.mark.slow

FILES = {
    "keeping.py": (
        "import os\n"
        "from apiroutes.middleware import sessions\n"
        "step = sessions(store=os.environ['SESSIONS'], idle=1800)\n"
    ),
    "middleware.py": "from keeping import step\nmiddleware = [step]\n",
    "pages/api/me.py": (
        "import os\n"
        "def GET(req):\n"
        "    return {'owner': req.session.owner, 'values': dict(req.session), 'worker': os.getpid()}\n"
    ),
    "pages/api/sign-in.py": (
        "import os\n"
        "def POST(req, query):\n"
        "    req.session['name'] = query['name']\n"
        "    req.session.rotate(query['name'])\n"
        "    return {'worker': os.getpid()}\n"
    ),
    "pages/api/sign-out.py": (
        "import os\ndef POST(req):\n    req.session.clear()\n    return {'worker': os.getpid()}\n"
    ),
    "pages/api/sign-out-everywhere.py": (
        "import os\n"
        "from keeping import step\n"
        "def POST(query):\n"
        "    return {'ended': step.end_all(query['name']), 'worker': os.getpid()}\n"
    ),
    "pages/api/put.py": (
        "import os\n"
        "import time\n"
        "def POST(req, query):\n"
        "    dict(req.session)\n"
        "    time.sleep(0.02)  # others write meanwhile\n"
        "    req.session[query['key']] = query['value']\n"
        "    return {'worker': os.getpid()}\n"
    ),
}
STORES = ["sqlite", "redis"]
TWO_WORKERS = gunicorn("apiroutes:create_app()", "--workers=2", "--worker-class=gthread", "--threads=16")


@contextmanager
def site(kind: str, directory: Path) -> Iterator[int]:
    """Serve the project with two workers that share a store; yield the port."""
    project(directory, FILES)
    if kind == "sqlite":
        with serve(TWO_WORKERS, directory / "log", {"SESSIONS": "sqlite"}, directory) as port:
            yield port
    else:
        with (
            redis_server() as redis,
            serve(TWO_WORKERS, directory / "log", {"SESSIONS": redis.patient_url}, directory) as port,
        ):
            yield port


class Browser:
    """A client with a cookie, whose requests any worker may get."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self.port = port
        self.cookie = cookie

    def send(self, method: str, target: str) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as connection:
            connection.request(method, target, headers={"Cookie": self.cookie} if self.cookie else {})
            response = connection.getresponse()
            content = response.read()
            assert response.status == 200, (response.status, content)
            for line in response.headers.get_all("Set-Cookie") or []:
                self.cookie = line.partition(";")[0]
            return json.loads(content)

    def copy(self) -> Browser:
        return Browser(self.port, self.cookie)

    def from_worker(self, is_wanted: Callable[[int], bool]) -> Any:
        """Return what a worker says of the session that is wanted."""
        answers: list[Any] = []

        def answers_now() -> bool:
            answers.append(self.send("GET", "/api/me"))
            return is_wanted(answers[-1]["worker"])

        until(answers_now)
        return answers[-1]

    def from_both_workers(self) -> list[Any]:
        """Return what the one worker says of the session, and then the other."""
        first = self.send("GET", "/api/me")
        return [first, self.from_worker(lambda worker: worker != first["worker"])]


def owners(answers: list[Any]) -> list[str | None]:
    return [answer["owner"] for answer in answers]


@pytest.mark.parametrize("kind", STORES)
def test_what_one_worker_does_with_a_session_the_other_sees(tmp_path: Path, kind: str) -> None:
    with site(kind, tmp_path) as port:
        browser = Browser(port)
        assert owners(browser.from_both_workers()) == [None, None]
        worker = browser.send("POST", "/api/sign-in?name=ada")["worker"]
        seen = browser.from_worker(lambda other: other != worker)
        assert (seen["owner"], seen["values"]) == ("ada", {"name": "ada"})
        before = browser.copy()
        browser.send("POST", "/api/sign-in?name=bob")
        assert owners(before.from_both_workers()) == [None, None]
        assert owners(browser.from_both_workers()) == ["bob", "bob"]
        copied = browser.copy()
        browser.send("POST", "/api/sign-out")
        assert owners(copied.from_both_workers()) == [None, None]


@pytest.mark.parametrize("kind", STORES)
def test_all_sessions_of_an_owner_end_on_both_workers(tmp_path: Path, kind: str) -> None:
    with site(kind, tmp_path) as port:
        browsers = [Browser(port) for _ in range(5)]
        for browser in browsers:
            browser.send("POST", "/api/sign-in?name=ada")
        other = Browser(port)
        other.send("POST", "/api/sign-in?name=bob")
        assert Browser(port).send("POST", "/api/sign-out-everywhere?name=ada")["ended"] == 5
        for browser in browsers:
            assert owners(browser.from_both_workers()) == [None, None]
        assert owners(other.from_both_workers()) == ["bob", "bob"]


@pytest.mark.parametrize("kind", STORES)
def test_a_session_outlives_the_worker_that_began_it(tmp_path: Path, kind: str) -> None:
    with site(kind, tmp_path) as port:
        browser = Browser(port)
        worker = browser.send("POST", "/api/sign-in?name=ada")["worker"]
        other = browser.from_worker(lambda other: other != worker)["worker"]
        os.kill(worker, signal.SIGKILL)
        seen = browser.from_worker(lambda new: new not in (worker, other))
        assert (seen["owner"], seen["values"]) == ("ada", {"name": "ada"})


def test_a_session_outlives_the_server(tmp_path: Path) -> None:
    with site("sqlite", tmp_path) as port:
        browser = Browser(port)
        browser.send("POST", "/api/sign-in?name=ada")
    with site("sqlite", tmp_path) as port:
        assert owners(Browser(port, browser.cookie).from_both_workers()) == ["ada", "ada"]


@pytest.mark.parametrize("kind", STORES)
def test_a_crowd_that_writes_different_values_of_a_session_loses_none(tmp_path: Path, kind: str) -> None:
    with site(kind, tmp_path) as port, ThreadPoolExecutor(40) as pool:
        browser = Browser(port)
        browser.send("POST", "/api/sign-in?name=ada")
        at_once = threading.Barrier(40)

        def put(number: int) -> int:
            if number < 40:
                at_once.wait(SECONDS)
            answer = browser.copy().send("POST", f"/api/put?key=k{number}&value=v{number}")
            return int(answer["worker"])

        assert len(set(pool.map(put, range(200)))) == 2
        expected = {f"k{number}": f"v{number}" for number in range(200)} | {"name": "ada"}
        for answer in browser.from_both_workers():
            assert answer["values"] == expected


def test_a_redis_that_hangs_is_a_503_soon_and_is_used_again(tmp_path: Path) -> None:
    project(tmp_path, FILES)
    log = tmp_path / "log"
    with redis_server() as redis, serve(TWO_WORKERS, log, {"SESSIONS": redis.url}, tmp_path) as port:
        browser = Browser(port)
        browser.send("POST", "/api/sign-in?name=ada")
        redis.freeze()
        for _ in range(8):
            began = time.monotonic()
            with pytest.raises(AssertionError, match="503"):
                browser.send("GET", "/api/me")
            assert time.monotonic() - began < 5  # 0.25 s, and what a machine with much to do may add
        assert f"Reading sessions ({redis.url}) fails" in log.read_text()
        redis.thaw()
        workers = set()

        def have_both_found_it() -> bool:
            with suppress(AssertionError):  # each leaves the store alone for a while
                answer = browser.send("GET", "/api/me")
                assert answer["owner"] == "ada"
                workers.add(answer["worker"])
            return len(workers) == 2

        until(have_both_found_it)


def test_several_workers_that_keep_sessions_in_memory_are_told(tmp_path: Path) -> None:
    project(tmp_path, FILES)
    with serve(granian(workers=2), tmp_path / "log", {"SESSIONS": "memory"}, tmp_path):
        pass
    assert 'sessions are kept in "memory": each worker has its own' in (tmp_path / "log").read_text()
