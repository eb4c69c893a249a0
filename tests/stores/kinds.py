"""The kinds of stores, and a real Redis for those that need one."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path

import pytest

from apiroutes.stores.store import Entry, Store

KINDS = ["memory", "sqlite", "redis"]
# Those that several processes share, each with a store of its own.
SHARED_KINDS = ["sqlite", "redis"]

MB = 1024 * 1024
_prefixes = count()


class StoreOpener:
    """Opens stores of one kind; those with the same number share their content, if stores of the kind do."""

    def __init__(self, kind: str, directory: Path, redis_url: Callable[[], str]) -> None:
        self.kind = kind
        self._directory = directory
        self._redis_url = redis_url
        self._prefix = f"test{next(_prefixes)}"
        self._stores: list[Store] = []

    def __call__(self, *, max_entries: int = 1000, max_size: int = 64 * MB, of: int = 0) -> Store:
        module, call = self._source(max_entries, max_size, of)
        store: Store = eval(call, vars(import_module(module)))
        self._stores.append(store)
        return store

    def source(self, of: int = 0) -> str:
        """Return the code with which another process opens a store, as `store`."""
        module, call = self._source(1000, 64 * MB, of)
        return f"from {module} import *\nstore = {call}\n"

    def _source(self, max_entries: int, max_size: int, of: int) -> tuple[str, str]:
        limits = f"max_entries={max_entries}, max_size={max_size}"
        if self.kind == "memory":
            return "apiroutes.stores.memory", f"MemoryStore({limits})"
        if self.kind == "sqlite":
            path = self._directory / f"cache{of}.db"
            return (
                "apiroutes.stores.sqlite",
                f"SQLiteStore(__import__('pathlib').Path({str(path)!r}), {limits})",
            )
        place = f"{self._redis_url()!r}, prefix={f'{self._prefix}-{of}'!r}"
        return "apiroutes.stores.redis", f"RedisStore({place}, {limits})"

    def close(self) -> None:
        for store in self._stores:
            store.close()


class RedisServer:
    """A Redis server, on a port that stays its own when it is started again."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.command = shutil.which("redis-server") or shutil.which("valkey-server")
        if self.command is None:
            pytest.skip("redis-server is not installed")
        self.directory = directory
        self.options = options
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def patient_url(self) -> str:
        """Its URL for tests in which it does not fail: a machine that runs tests has much to do."""
        return f"{self.url}?socket_timeout=10"

    def start(self, *options: str) -> None:
        command = [
            *(
                self.command or "",
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--dir",
                str(self.directory),
            ),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning", *self.options, *options),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually(lambda: _answers(self.port))

    def send_signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            self.process.wait()
            self.process = None


@contextlib.contextmanager
def redis_server(*options: str) -> Iterator[RedisServer]:
    """Run a Redis server that keeps nothing on a disk, unless `options` of redis-server say otherwise."""
    with tempfile.TemporaryDirectory(prefix="redis") as directory:
        server = RedisServer(Path(directory), *options)
        try:
            yield server
        finally:
            server.stop()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return bool(connection.recv(100))
    except OSError:
        return False


def eventually(is_so: Callable[[], object], seconds: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def entry(content: bytes = b"content", *names: str, fresh: float = 60, stale: float = 0) -> Entry:
    return Entry(content, names or ("path:/a",), fresh, stale)


def put(store: Store, key: bytes, content: bytes = b"content", *names: str, fresh: float = 60) -> None:
    """Put what was computed just now."""
    assert store.put(key, entry(content, *names, fresh=fresh), store.begin(key))


def content_of(store: Store, key: bytes) -> bytes | None:
    found = store.get(key)
    return None if found is None else found.content
