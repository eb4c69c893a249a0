"""A Redis server of its own for a test: on a free port of 127.0.0.1, without a file, ended by its process."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.support import until

SECONDS = 30
COMMAND = shutil.which("redis-server") or shutil.which("valkey-server")


class RedisServer:
    """A server that a test starts, freezes and ends, on a port that stays its own.

    A started one has nothing stored, unless its options keep it on the disk. `patient_url` is for tests in
    which it does not fail: a machine that runs tests has much to do.
    """

    def __init__(self, directory: str, *options: str) -> None:
        if COMMAND is None:
            pytest.skip("redis-server is not installed")
        self._command = (COMMAND, "--save", "", "--appendonly", "no", *options)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.patient_url = f"{self.url}?socket_timeout=10"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *options: str) -> None:
        """Start it, with further options, and wait until it answers."""
        place = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", self._directory)
        self._process = subprocess.Popen(
            [*self._command, *place, *options],
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
        """Whether it answers at all: one with a password refuses the question."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as client:
            client.sendall(b"PING\r\n")
            return client.recv(5) != b""
        return False


@contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a server with these options, which ends with the block."""
    with tempfile.TemporaryDirectory() as directory:
        server = RedisServer(directory, *options)
        try:
            server.start()
            yield server
        finally:
            server.kill()
