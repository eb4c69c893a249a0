"""The HTTP of the development server, over a socket."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from apiroutes import App
from apiroutes.development.threaded_server import QuietHandler
from tests.support import project

EXPECTING = "POST /api/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n"


@contextmanager
def served(app: App) -> Iterator[int]:
    """Serve the App by the handler of the development server, and yield the port."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def received(port: int, head: str, content: str) -> str:
    """Return everything that the server sends: the content is sent once it has sent something."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(head.encode())
        parts = [connection.recv(4096)]
        connection.sendall(content.encode())
        while parts[-1]:
            parts.append(connection.recv(4096))
    return b"".join(parts).decode()


@pytest.mark.parametrize("parsed", [True, False])
@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_a_client_that_waits_for_it_gets_one_100_continue(tmp_path: Path, expect: str, parsed: bool) -> None:
    read = "req.body" if parsed else "req.stream.read().decode()"
    source = f"config = {{'api': {{'bodyParser': {parsed}}}}}\ndef POST(req, res): res.send(str({read}))\n"
    app = App(project(tmp_path, {"pages/api/x.py": source}))
    with served(app) as port:
        answer = received(port, f"{EXPECTING}Expect: {expect}\r\n\r\n", "ab")
    assert answer.count("100 Continue") == 1
    assert answer.endswith("ab")
