"""A keep-alive HTTP client for http.py, run in a process of its own: `python -m benchmarks.client`.

It reads a raw request from standard input and sends it over `--connections` connections to 127.0.0.1 for
`--seconds`, on each as soon as the last response is complete. It writes what `load.py` calls a summary to
standard output as JSON. It is one thread without libraries, because a client that is slower than the server
measures itself. Any response but a 200 ends it with an error.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import socket
import sys
from functools import lru_cache
from time import perf_counter

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"  # no content of the benchmarks ends like this
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@lru_cache(maxsize=16)
def read_head(head: bytes) -> tuple[int | None, bool]:
    """Return the content's length in bytes, and whether the server closes the connection after it.

    The length is None for a chunked content. Raises ConnectionError unless the response is a 200 of one or
    the other.
    """
    length, chunked = _LENGTH.search(head), _CHUNKED.search(head)
    if not head.startswith(b"HTTP/1.1 200 ") or (length is None) == (chunked is None):
        raise ConnectionError(f"not a 200 of known length: {head[:200]!r}")
    return None if length is None else int(length[1]), _CLOSE.search(head) is not None


class Connection:
    """A connection, reopened whenever the server has closed it, as gunicorn's sync worker always does."""

    def __init__(self, port: int, request: bytes, selector: selectors.BaseSelector) -> None:
        self._address = ("127.0.0.1", port)
        self._request = request
        self._selector = selector
        self._socket: socket.socket | None = None
        self._received = b""
        self._start = 0.0

    def ask(self) -> None:
        """Send the request. The time to connect counts."""
        self._start = perf_counter()
        self._received = b""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, 10)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._socket.sendall(self._request)

    def receive(self) -> float | None:
        """Receive data. Return the seconds that the response took once it is complete."""
        assert self._socket is not None
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError("the server closed the connection within a response")
        self._received += data
        head, end, content = self._received.partition(b"\r\n\r\n")
        if not end:
            return None
        length, closes = read_head(head)
        if not (content.endswith(_LAST_CHUNK) if length is None else len(content) >= length):
            return None
        seconds = perf_counter() - self._start
        if closes:
            self.close()
        return seconds

    def close(self) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None


def ask_repeatedly(port: int, request: bytes, connections: int, seconds: float) -> list[float]:
    """Return the seconds of every response."""
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        open_connections = [Connection(port, request, selector) for _ in range(connections)]
        for connection in open_connections:
            connection.ask()
        end = perf_counter() + seconds
        waiting = len(open_connections)
        while waiting:
            ready = selector.select(10)
            if not ready:
                raise TimeoutError("no response for ten seconds")
            for key, _ in ready:
                connection = key.data
                latency = connection.receive()
                if latency is None:
                    continue
                latencies.append(latency)
                if perf_counter() < end:
                    connection.ask()
                else:
                    connection.close()
                    waiting -= 1
    return latencies


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="duration of the load")
    chosen = parser.parse_args()
    request = sys.stdin.buffer.read()
    start = perf_counter()
    latencies = sorted(ask_repeatedly(chosen.port, request, chosen.connections, chosen.seconds))
    count = len(latencies)
    summary = {
        "requests": count,
        "seconds": perf_counter() - start,
        "p50": latencies[count // 2],
        "p99": latencies[count * 99 // 100],
        "errors": 0,
    }
    json.dump(summary, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
