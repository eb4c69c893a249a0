"""The time that a client may take to send its content: `body_timeout` and 408."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.support import Answer, Extra, app_of, call

LENGTH = "def handler(req, res):\n    res.json(len(req.raw_body))\n"
STREAM = (
    'config = {"api": {"bodyParser": False}}\ndef handler(req, res):\n    res.json(len(req.stream.read()))\n'
)
UPLOAD = 'def handler(req, res):\n    res.json(len(req.files["f"].read()))\n'
TIMED = 'config = {"maxDuration": 0.2}\n' + LENGTH
FORM = b'--B\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
TEXT = [("Content-Type", "text/plain")]
MULTIPART = [("Content-Type", "multipart/form-data; boundary=B")]


class Dripping(io.RawIOBase):
    """Returns a byte for each read, after a moment, like a server whose connection cannot be cut."""

    def read(self, size: int = -1, /) -> bytes:
        time.sleep(0.02)
        return b"x"


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end of a connection, and the client's."""
    server, client = socket.socketpair()
    with server, client:
        yield server, client


def ask(app: App, server: socket.socket, headers: list[tuple[str, str]], length: int = 10**5) -> Answer:
    """Send a request whose content comes over the connection, as gunicorn passes it on."""
    with server.makefile("rb") as source:
        extra = Extra({"wsgi.input": source, "gunicorn.socket": server})
        return call(app, "POST", headers=headers, CONTENT_LENGTH=str(length), **extra)


@pytest.mark.parametrize(
    ("handler", "headers", "sent"),
    [
        (LENGTH, TEXT, b""),
        (LENGTH, TEXT, b"x" * 1000),
        (UPLOAD, MULTIPART, FORM + b"x" * 1000),
        (STREAM, TEXT, b"x" * 1000),
    ],
)
def test_content_that_does_not_arrive_is_408(
    tmp_path: Path,
    connection: tuple[socket.socket, socket.socket],
    handler: str,
    headers: list[tuple[str, str]],
    sent: bytes,
) -> None:
    server, client = connection
    client.sendall(sent)
    answer = ask(app_of(tmp_path, handler, body_timeout=0.1), server, headers)
    assert (answer.status, answer.body) == (408, b"Request Timeout")


def test_the_response_still_reaches_the_client(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket]
) -> None:
    server, client = connection
    ask(app_of(tmp_path, LENGTH, body_timeout=0.1), server, TEXT)
    server.sendall(b"408")
    assert client.recv(10) == b"408"


def test_content_that_trickles_in_is_408(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket]
) -> None:
    server, client = connection
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.01):
            with contextlib.suppress(OSError):  # once the server has closed
                client.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        assert ask(app_of(tmp_path, LENGTH, body_timeout=0.2), server, TEXT).status == 408
    finally:
        ended.set()
        dripping.join()


@pytest.mark.costly
@pytest.mark.parametrize("handler", [LENGTH, STREAM])
def test_content_that_trickles_in_is_408_where_the_connection_is_not_known(
    tmp_path: Path, handler: str
) -> None:
    app = app_of(tmp_path, handler, body_timeout=0.1)
    extra = Extra({"wsgi.input": Dripping(), "CONTENT_LENGTH": "100000"})
    assert call(app, "POST", headers=TEXT, **extra).status == 408


def test_content_that_has_arrived_gives_more_time(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket]
) -> None:
    """It takes four times the timeout, at more than the minimal rate."""
    server, client = connection
    content = b"x" * 2**17

    def send() -> None:
        for start in range(0, len(content), 2**13):
            client.sendall(content[start : start + 2**13])
            time.sleep(0.02)

    sending = threading.Thread(target=send)
    sending.start()
    app = app_of(tmp_path, LENGTH, body_timeout=0.2, body_min_rate="64kb")
    answer = ask(app, server, TEXT, len(content))
    sending.join()
    assert (answer.status, answer.json()) == (200, len(content))


def test_only_waiting_for_the_client_counts(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket]
) -> None:
    handler = (
        'import time\nconfig = {"api": {"bodyParser": False}}\n'
        "def handler(req, res):\n"
        "    first = req.stream.read(10000)\n"
        "    time.sleep(0.3)\n"
        "    res.json(len(first) + len(req.stream.read()))\n"
    )
    server, client = connection
    client.sendall(b"x" * 30_000)
    answer = ask(app_of(tmp_path, handler, body_timeout=0.1, body_min_rate=0), server, TEXT, 30_000)
    assert answer.json() == 30_000


TWICE = """
config = {{"api": {{"bodyParser": False}}}}
def handler(req, res):
    try:
        req.stream.read({})
    except Exception:
        pass
    try:
        req.raw_body
    except Exception as error:
        res.send(str(error))
"""


@pytest.mark.parametrize(
    ("size", "sent", "message"),
    [
        (1, 10, "the body is already being read from req.stream"),
        (10, 10, "the body is already being read from req.stream"),
        (10, 5, "400 Bad Request: Invalid body"),
    ],
)
def test_a_stream_that_is_being_read_is_not_read_again_from_a_connection(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket], size: int, sent: int, message: str
) -> None:
    server, client = connection
    client.sendall(b"x" * sent)
    client.shutdown(socket.SHUT_WR)
    assert ask(app_of(tmp_path, TWICE.format(size)), server, TEXT, 10).text.endswith(message)


@pytest.mark.parametrize("sent", [0, 1])
def test_a_body_that_is_too_slow_is_refused_to_every_reader(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket], sent: int
) -> None:
    server, client = connection
    client.sendall(b"x" * sent)
    app = app_of(tmp_path, TWICE.format(10), body_timeout=0.1)
    assert ask(app, server, TEXT, 10).text.endswith("Request Timeout")


def test_max_duration_ends_a_read_too(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket]
) -> None:
    server, _ = connection
    assert ask(app_of(tmp_path, TIMED, body_timeout=60), server, TEXT).status == 408


def test_an_abandoned_handler_reads_nothing_of_the_next_request(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket]
) -> None:
    handler = (
        'config = {"api": {"bodyParser": False}, "maxDuration": 0.1}\n'
        "def handler(req, res):\n"
        '    shared = req.environ["shared"]\n'
        "    try:\n"
        '        shared["gate"].wait()\n'
        "    except BaseException:\n"  # and it carries on, which it should not
        '        shared["read"] = req.environ["wsgi.input"].read(4)\n'
        "    finally:\n"
        '        shared["ended"].set()\n'
    )
    server, client = connection
    shared: Any = {"gate": threading.Event(), "ended": threading.Event(), "read": b""}
    with server.makefile("rb") as source:
        extra = Extra({"wsgi.input": source, "gunicorn.socket": server, "shared": shared})
        answer = call(app_of(tmp_path, handler), "POST", headers=TEXT, CONTENT_LENGTH="10", **extra)
        shared["gate"].set()
        assert shared["ended"].wait(20)
    assert (answer.status, shared["read"]) == (504, b"")
    assert client.fileno() != -1


def test_a_fork_watches_reads_of_its_own(
    tmp_path: Path, connection: tuple[socket.socket, socket.socket]
) -> None:
    server, client = connection
    app = app_of(tmp_path, LENGTH, body_timeout=0.1)
    client.sendall(b"x")
    assert ask(app, server, TEXT, 1).status == 200
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(write, str(ask(app, server, TEXT).status).encode())
        finally:
            os._exit(0)
    os.close(write)
    assert os.read(read, 10) == b"408"
    os.waitpid(child, 0)
