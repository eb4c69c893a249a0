"""A Redis server of its own for a test: on a free port of 127.0.0.1, without a file, ended by its process."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.support import until

SECONDS = 30
COMMAND = shutil.which("redis-server") or shutil.which("valkey-server")

needs_redis = pytest.mark.skipif(COMMAND is None, reason="redis-server is not installed")


class RedisServer:
    """A server that a test starts, freezes and ends. A started one has nothing stored."""

    def __init__(self, directory: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        # For tests in which it does not fail: a machine that runs tests has much to do.
        self.patient_url = f"{self.url}?socket_timeout=10"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *flags: str) -> None:
        """Start it, and wait until it answers."""
        assert COMMAND is not None
        command: list[Any] = [COMMAND, "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        self._process = subprocess.Popen(
            [*command, "--appendonly", "no", "--dir", self._directory, *flags],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers)

    def freeze(self) -> None:
        """Have it accept connections, as the kernel does, and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it, with all that it has stored."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(SECONDS)
            self._process = None

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(5) == b"+PONG"
        return False


@contextmanager
def redis_server(*flags: str) -> Iterator[RedisServer]:
    """Run a server that ends with the block."""
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(directory)
        try:
            server.start(*flags)
            yield server
        finally:
            server.kill()
