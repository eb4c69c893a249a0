"""Servers between a store and its Redis, or in its place, that do wrong."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

# What is no reply of a Redis, or not the one to a question.
NONSENSE = {
    "nothing": b"",
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "ok": b"+OK\r\n",
    "two": b"+OK\r\n+OK\r\n",
    "number": b":1\r\n",
    "an error": b"-ERR unknown command\r\n",
    "an error without text": b"-\r\n",
    "a list": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "an empty list": b"*0\r\n",
    "three": b"*3\r\n$1\r\na\r\n:1\r\n:0\r\n",
    "three numbers": b"*3\r\n:1\r\n:2\r\n:3\r\n",
    "zeros": b"\0" * 1000,
    "odd bytes": bytes(range(256)) * 4,
    "no length": b"$x\r\n",
    "a length below zero": b"$-7\r\n",
    "a great length": b"$99999999999\r\nabc",
    "a long list": b"*99999999\r\n:1\r\n",
    "half a reply": b"*2\r\n$1\r\na\r\n",
    "a deep list": b"*1\r\n" * 100_000,
    "no line": b"x" * 100_000,
}


@contextlib.contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Call a function with each connection, in a thread of its own; yield the port."""
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            serve(connection)
        connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=answer, args=(connection,)))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


@contextlib.contextmanager
def replying(reply: bytes, first: bytes = b"") -> Iterator[int]:
    """Reply to all that is sent, but the `first`, with the same bytes; without any, end the connection."""

    def serve(connection: socket.socket) -> None:
        if first:
            connection.recv(65536)
            connection.sendall(first)
        while connection.recv(65536) and reply:
            connection.sendall(reply)

    with serving(serve) as port:
        yield port


class Proxy:
    """Passes on what a Redis and its clients say, `delay` seconds late, and `pace` bytes at a time."""

    def __init__(self, redis_port: int) -> None:
        self.redis_port = redis_port
        self.delay = 0.0
        self.pace = 65536
        self.end = threading.Event()

    def serve(self, client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self.redis_port)) as server:
            thread = threading.Thread(target=self._pass_on, args=(client, server, False))
            thread.start()
            self._pass_on(server, client, True)
            thread.join()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_reply: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                pace = self.pace if is_reply else len(data)
                for at in range(0, len(data), pace):
                    if is_reply and self.delay:
                        self.end.wait(self.delay)
                    target.sendall(data[at : at + pace])
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy(redis_port: int) -> Iterator[tuple[Proxy, int]]:
    passing = Proxy(redis_port)
    with serving(passing.serve) as port:
        try:
            yield passing, port
        finally:
            passing.end.set()
