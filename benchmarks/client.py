"""A keep-alive HTTP client for http.py, run in a process of its own: `python -m benchmarks.client`.

Reads one raw request from standard input, sends it `--requests` times over `--connections` connections to
127.0.0.1, and writes what it saw to standard output as JSON. Any answer but a 200 ends it with an error.
"""

import argparse
import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter


class Connection:
    """One connection, opened again whenever the server has closed it (gunicorn's sync worker always does)."""

    def __init__(self, port: int, timeout: float) -> None:
        self._address = ("127.0.0.1", port)
        self._timeout = timeout
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> float:
        """Send `request`, read the whole answer; the seconds it took, connecting included."""
        start = perf_counter()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(request)
        head = self._read_answer(self._socket)
        if not head.startswith(b"http/1.1 200 "):
            raise ConnectionError(f"not answered with 200: {head[:100]!r}")
        if b"\r\nconnection: close" in head:
            self.close()
        return perf_counter() - start

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    @staticmethod
    def _read_answer(connected: socket.socket) -> bytes:
        """The head of the answer, in lower case; the content is read and dropped."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += _receive(connected)
        head, _, content = received.lower().partition(b"\r\n\r\n")
        length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
        missing = length - len(content)
        while missing > 0:
            missing -= len(_receive(connected))
        return head


def _receive(connected: socket.socket) -> bytes:
    received = connected.recv(65536)
    if not received:
        raise ConnectionError("the server closed the connection within an answer")
    return received


def ask_repeatedly(port: int, request: bytes, times: int, timeout: float) -> list[float]:
    """The seconds of each answer on one connection."""
    connection = Connection(port, timeout)
    try:
        return [connection.ask(request) for _ in range(times)]
    finally:
        connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True, help="on each connection")
    parser.add_argument("--timeout", type=float, default=10, help="seconds for one answer")
    chosen = parser.parse_args()
    request = sys.stdin.buffer.read()
    start = perf_counter()
    with ThreadPoolExecutor(chosen.connections) as threads:
        asked = [
            threads.submit(ask_repeatedly, chosen.port, request, chosen.requests, chosen.timeout)
            for _ in range(chosen.connections)
        ]
    latencies = sorted(latency for connection in asked for latency in connection.result())
    json.dump({"seconds": perf_counter() - start, "latencies": latencies}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
