"""gunicorn's workers as `apiroutes start` runs them, seen by clients that keep their connections.

Most servers here let a thread linger for an hour instead of milliseconds, so that whatever would wait for the
end of it hangs.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.acceptance.servers import SECONDS, granian, gunicorn_asgi, main_process, serve, uvicorn
from tests.support import project, until

pytestmark = pytest.mark.slow

FILES = {
    "pages/api/who.py": (
        "import os, threading\n"
        "def GET(): return {'pid': os.getpid(), 'thread': threading.get_ident()}\n"
        "def POST(body: str): return {'length': len(body)}\n"
    ),
    "pages/api/numbers/[number].py": "def GET(req): return int(req.query['number'])\n",
    "pages/api/fails.py": (
        "def GET(req, res):\n"
        "    res.set_headers({'Content-Length': '5'})\n"
        "    res.write(b'12')\n"
        "    raise LookupError\n"
    ),
    "pages/api/processors.py": "import os\ndef GET(): return sorted(os.sched_getaffinity(0))\n",
    "pages/api/heap.py": (
        "import gc\n"
        "MADE_AT_START = ['a']\n"
        "def GET(): return any(thing is MADE_AT_START for thing in gc.get_objects())\n"
    ),
    "hour.py": "from apiroutes.servers import gunicorn_threads\ngunicorn_threads.LINGERING = 3600\n",
}
HOUR = ("--config", "hour.py")
THREE = ("--threads", "3")  # one may still see the end of the connection that found the server listening
CLASSES = {"sync": ("--worker-class", "sync"), "gthread": ("--threads", "2")}

REQUEST = b"GET /api/who HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def server(directory: Path, *flags: str, workers: int = 1, **variables: str) -> Iterator[int]:
    """Run `apiroutes start`, and yield its port."""
    project(directory, FILES)
    start = [sys.executable, "-m", "apiroutes", "start", "--workers", str(workers), "--"]
    command = [*start, "--bind", "127.0.0.1:0", *flags]
    with serve(command, directory / "log", variables, directory) as port:
        yield port


def connect(port: int) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS))


def open_socket(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=SECONDS)


def ask(connection: http.client.HTTPConnection, path: str = "/api/who", body: bytes | None = None) -> Any:
    """Send a request over the connection that is open, and return the JSON of its response."""
    connection.request("GET" if body is None else "POST", path, body, {"Content-Type": "text/plain"})
    response = connection.getresponse()
    assert response.status == 200
    return json.loads(response.read())


def read_response(file: BinaryIO) -> Any:
    """Read a response of several, and return its JSON."""
    assert file.readline().startswith(b"HTTP/1.1 200 ")
    headers = http.client.parse_headers(file)
    return json.loads(file.read(int(headers["Content-Length"])))


def workers_of(directory: Path) -> list[int]:
    """The process ids of all workers that have begun."""
    log = (directory / "log").read_text()
    return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", log)]


def has_ended(directory: Path, worker: int) -> bool:
    return f"Worker exiting (pid: {worker})" in (directory / "log").read_text()


# -- threads that linger


def test_a_thread_that_lingers_answers_its_connections_next_request(tmp_path: Path) -> None:
    with server(tmp_path, *THREE, *HOUR) as port, connect(port) as one, connect(port) as other:
        # A thread that has answered the one takes the other, if that comes before it lingers.
        until(lambda: ask(one)["thread"] != ask(other)["thread"])
        threads = [ask(connection)["thread"] for connection in (one, other, other, one)]
    assert threads == [threads[0], threads[1], threads[1], threads[0]]
    assert threads[0] != threads[1]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_thread_that_lingers_is_called_to_other_connections(tmp_path: Path, threads: str) -> None:
    with server(tmp_path, "--threads", threads, *HOUR) as port, ExitStack() as stack:
        first, *others = [stack.enter_context(connect(port)) for _ in range(21)]
        ask(first)
        for connection in others:  # one after the other
            ask(connection)
        for connection in others:  # all at once
            connection.request("GET", "/api/who")
        assert [connection.getresponse().status for connection in others] == [200] * 20
        ask(first)


def test_term_calls_a_thread_that_lingers(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with server(tmp_path, "--threads", "2", *HOUR) as port:
            connection = stack.enter_context(connect(port))
            ask(connection)
            # The server is told to stop, and has ended before the connection has.
        assert has_ended(tmp_path, workers_of(tmp_path)[0])


def test_hup_calls_a_thread_that_lingers(tmp_path: Path) -> None:
    with server(tmp_path, "--threads", "2", *HOUR) as port, connect(port) as connection:
        worker = ask(connection)["pid"]
        os.kill(main_process(tmp_path / "log"), signal.SIGHUP)
        until(lambda: has_ended(tmp_path, worker))


def test_the_last_of_max_requests_calls_a_thread_that_lingers(tmp_path: Path) -> None:
    with (
        server(tmp_path, *THREE, "--max-requests", "3", *HOUR) as port,
        connect(port) as one,
        connect(port) as other,
    ):
        pids = [ask(connection)["pid"] for connection in (one, other, other)]
        assert pids == [pids[0]] * 3
        until(lambda: has_ended(tmp_path, pids[0]))
        assert ask(other)["pid"] != pids[0]


def test_connections_that_end_while_a_thread_lingers_make_room_for_others(tmp_path: Path) -> None:
    with server(tmp_path, "--threads", "2", "--worker-connections", "3", *HOUR) as port:
        for _ in range(8):
            with connect(port) as connection:
                ask(connection)
                ask(connection)


def test_without_keep_alive_no_thread_lingers(tmp_path: Path) -> None:
    with (
        server(tmp_path, "--threads", "1", "--keep-alive", "0", *HOUR) as port,
        open_socket(port) as client,
        client.makefile("rb") as file,
    ):
        client.sendall(REQUEST)
        assert read_response(file)
        assert file.read() == b""


def test_requests_that_were_sent_together_are_answered_in_order(tmp_path: Path) -> None:
    with server(tmp_path, "--threads", "1") as port, ExitStack() as stack:
        clients = [stack.enter_context(open_socket(port)) for _ in range(5)]
        for start, client in enumerate(clients):
            numbers = range(start, start + 20)
            client.sendall(b"".join(b"GET /api/numbers/%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in numbers))
        for start, client in enumerate(clients):
            file = stack.enter_context(client.makefile("rb"))
            assert [read_response(file) for _ in range(20)] == [*range(start, start + 20)]


def test_a_request_that_was_sent_with_a_body_is_answered(tmp_path: Path) -> None:
    head = b"POST /api/who HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 200000\r\n\r\n"
    with (
        server(tmp_path, "--threads", "1") as port,
        open_socket(port) as client,
        client.makefile("rb") as file,
    ):
        client.sendall(head + b"x" * 200000 + REQUEST)
        assert read_response(file) == {"length": 200000}
        assert "pid" in read_response(file)


@pytest.mark.parametrize("flags", [(), HOUR])
def test_the_time_for_the_next_head_is_limited(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with server(tmp_path, *flags, APIROUTES_HEADER_TIMEOUT="0.3") as port, open_socket(port) as client:
        client.sendall(REQUEST)
        assert client.recv(10_000).startswith(b"HTTP/1.1 200 ")
        client.sendall(REQUEST[:-4] + b"\r\nX-Drip: ")
        assert client.recv(100) == b""


def test_the_time_before_the_next_head_is_not_limited(tmp_path: Path) -> None:
    with server(tmp_path, *HOUR, APIROUTES_HEADER_TIMEOUT="0.1") as port, connect(port) as connection:
        ask(connection)
        connection.sock.settimeout(0.4)
        with pytest.raises(TimeoutError):
            connection.sock.recv(1)
        connection.sock.settimeout(SECONDS)
        ask(connection)


# -- the same through TLS


@pytest.fixture
def certificate(tmp_path: Path) -> list[str]:
    """Make a certificate; return gunicorn's flags for it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, file = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", key, "-out", file], check=True, capture_output=True)
    return ["--keyfile", key, "--certfile", file]


def open_tls(port: int) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(open_socket(port))


def padded(size: int) -> bytes:
    """A request of so many bytes."""
    head = REQUEST[:-2] + b"X-Padding: "
    padding = size - len(head) - len(b"\r\nX-More: \r\n\r\n")
    return head + b"x" * (padding // 2) + b"\r\nX-More: " + b"x" * (padding - padding // 2) + b"\r\n\r\n"


@pytest.mark.parametrize("flags", [(), ("--threads", "1"), HOUR])
def test_tls_connections_are_kept(tmp_path: Path, certificate: list[str], flags: tuple[str, ...]) -> None:
    with server(tmp_path, *certificate, *flags) as port, ExitStack() as stack:
        for _ in range(3):
            client = stack.enter_context(open_tls(port))
            file = stack.enter_context(client.makefile("rb"))
            for _ in range(3):
                client.sendall(REQUEST)
                assert "pid" in read_response(file)


def test_requests_that_tls_has_decrypted_together_are_answered(
    tmp_path: Path, certificate: list[str]
) -> None:
    # gunicorn receives 8 KB: the second request stays inside TLS, where no poll sees it.
    with server(tmp_path, *certificate, "--threads", "1") as port, ExitStack() as stack:
        clients = []
        for _ in range(4):
            client = stack.enter_context(open_tls(port))
            clients.append((client, stack.enter_context(client.makefile("rb"))))
            client.sendall(REQUEST)
            assert "pid" in read_response(clients[-1][1])
        for client, _ in clients:  # so that others wait for the thread after each first request
            client.sendall(padded(8192) + padded(1000))
        for _, file in clients:
            assert "pid" in read_response(file)
            assert "pid" in read_response(file)


# -- what is sent and received


@pytest.mark.parametrize("flags", CLASSES.values(), ids=CLASSES)
def test_head_and_content_arrive_together(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with server(tmp_path, *flags) as port:
        for _ in range(10):
            with open_socket(port) as client:
                client.sendall(REQUEST)
                head, _, content = client.recv(10_000).partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                assert "pid" in json.loads(content)


@pytest.mark.parametrize("flags", CLASSES.values(), ids=CLASSES)
def test_a_response_that_fails_halfway_is_cut_off(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with server(tmp_path, *flags) as port, connect(port) as connection:
        connection.request("GET", "/api/fails")
        response = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead):
            response.read()


@pytest.mark.parametrize("flags", CLASSES.values(), ids=CLASSES)
def test_a_large_body_arrives(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with server(tmp_path, *flags) as port, connect(port) as connection:
        assert ask(connection, body=b"x" * 1_000_000) == {"length": 1_000_000}
        assert ask(connection, body=b"y" * 1_000) == {"length": 1_000}


# -- processors, and the heap

pins = pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two processors"
)


@pins
@pytest.mark.parametrize("flags", CLASSES.values(), ids=CLASSES)
def test_each_pinned_worker_has_a_processor_of_its_own(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with server(tmp_path, *flags, workers=2, APIROUTES_PIN_WORKERS="true"):
        until(lambda: len(workers_of(tmp_path)) == 2)
        first, second = workers_of(tmp_path)
        until(lambda: len(os.sched_getaffinity(first)) == len(os.sched_getaffinity(second)) == 1)
        processor = os.sched_getaffinity(first)
        assert processor != os.sched_getaffinity(second)
        os.kill(first, signal.SIGKILL)
        until(lambda: len(workers_of(tmp_path)) == 3)
        successor = workers_of(tmp_path)[2]
        until(lambda: os.sched_getaffinity(successor) == processor)


@pins
def test_workers_use_every_processor_unless_they_are_pinned(tmp_path: Path) -> None:
    with server(tmp_path) as port, connect(port) as connection:
        assert ask(connection, "/api/processors") == sorted(os.sched_getaffinity(0))


def test_a_system_that_cannot_pin_says_so_once(tmp_path: Path) -> None:
    project(tmp_path, {"other.py": "import os\nvars(os).pop('sched_setaffinity', None)\n"})
    flags = ("--config", str(tmp_path / "other.py"))
    with (
        server(tmp_path, *flags, workers=2, APIROUTES_PIN_WORKERS="true") as port,
        connect(port) as connection,
    ):
        ask(connection)
    assert (tmp_path / "log").read_text().count("pin_workers has no effect") == 1


@pytest.mark.parametrize("flags", [*CLASSES.values(), ("--preload",)], ids=[*CLASSES, "preload"])
def test_the_collector_leaves_out_what_was_made_at_start(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with server(tmp_path, *flags) as port, connect(port) as connection:
        assert ask(connection, "/api/heap") is False


OTHER_SERVERS = {"granian": granian(), "uvicorn": uvicorn(), "gunicorn-asgi": gunicorn_asgi()}


@pytest.mark.parametrize("command", OTHER_SERVERS.values(), ids=OTHER_SERVERS)
def test_other_servers_collectors_leave_it_out_too(tmp_path: Path, command: list[str]) -> None:
    project(tmp_path, FILES)
    with serve(command, tmp_path / "log", {}, tmp_path) as port, connect(port) as connection:
        assert ask(connection, "/api/heap") is False
