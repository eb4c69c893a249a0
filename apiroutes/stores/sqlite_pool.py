"""The connections that a process has to one database of SQLite, each for one thread at a time.

In: the path of a database that has its tables, its kind, its generation. Out: connections; the results of
functions that use one. Raises Replaced if another database has just taken its place.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from apiroutes.stores.generation import GenerationFile, identity_of
from apiroutes.stores.sqlite_alone import alone
from apiroutes.stores.sqlite_connection import BUSY_TIME, connect, patiently
from apiroutes.stores.sqlite_files import log_of
from apiroutes.stores.sqlite_kind import DatabaseKind
from apiroutes.stores.store import StoreError
from apiroutes.threads import native_threads

__all__ = ["Database", "Replaced"]

Result = TypeVar("Result")

# Seconds between two checks of the inodes.
_CHECK_TIME = 1.0
# A connection takes up to 1 MB of memory. There are as many as threads have used at the same time.
_MOST_CONNECTIONS = 8


class Replaced(Exception):
    """Another process has replaced the file that was open."""


class Database:
    """A database that this process has open. Any thread may use it."""

    def __init__(self, path: Path, kind: DatabaseKind, generation: GenerationFile) -> None:
        connection = connect(path, kind)
        self.process = os.getpid()
        self._kind = kind
        self.generation = generation
        self._write_lock = native_threads.native_lock()
        self.is_retired = False
        self.identity = identity_of(path)
        self._log = identity_of(log_of(path))
        self._path = path
        self._idle: SimpleQueue[sqlite3.Connection] = native_threads.native_queue()
        self._idle.put(connection)
        self._count = 1
        self._users: list[None] = []  # one for each connection in use: a count that threads can change
        self._seen = generation.bits[0]
        self._check_at = time.monotonic() + _CHECK_TIME

    def is_known_to_be_current(self) -> bool:
        """Return whether the files were compared a moment ago, and nothing has happened since."""
        return (
            self.generation.bits[0] == self._seen
            and time.monotonic() < self._check_at
            and self.process == os.getpid()
        )

    def is_current(self) -> bool:
        """Return whether the files are still those at their paths."""
        if self.process != os.getpid() or self.is_retired:
            return False
        seen = self.generation.bits[0]  # before the comparison: later changes are compared again
        if identity_of(self._path) != self.identity or not self.generation.is_current():
            return False
        self._seen = seen
        self._check_at = time.monotonic() + _CHECK_TIME
        return True

    def left_log(self) -> bool:
        """Return whether the log at the path belongs to this database, which is no longer there."""
        is_replaced = identity_of(self._path) != self.identity
        return is_replaced and self._log is not None and identity_of(log_of(self._path)) == self._log

    def change_generation(self) -> None:
        """Tell all processes that something was revalidated. Raises StoreError if that is not possible."""
        try:
            self.generation.change()
        except OSError as error:
            raise StoreError(f"{self._kind.name}'s generation, beside {self._path}: {error}") from error

    def take(self) -> sqlite3.Connection:
        """Return a connection for exclusive use until it is given back."""
        connection = self._take_idle(None)
        if connection is None and self._count < _MOST_CONNECTIONS:
            with alone(self.generation):
                connection = self._take_idle(None)
                if connection is None and self._count < _MOST_CONNECTIONS:
                    if not self.is_current():
                        raise Replaced
                    connection = connect(self._path, self._kind)
                    self._count += 1
                    self._users.append(None)
        if connection is None:
            connection = self._take_idle(BUSY_TIME)
        if connection is None:
            raise TimeoutError("other threads of this process use all connections")
        return connection

    def _take_idle(self, seconds: float | None) -> sqlite3.Connection | None:
        self._users.append(None)  # before a fork in which it would not count
        try:
            return self._idle.get(seconds is not None, seconds)
        except Empty:
            self._users.pop()
        if self.is_retired:
            raise Replaced
        return None

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Give a connection back. A transaction that it is in has failed."""
        try:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            if self.is_retired or connection.in_transaction:
                connection.close()
                self._count -= 1
            else:
                self._idle.put(connection)
                if self.is_retired:
                    self.retire()
        finally:
            self._users.pop()

    def read(
        self, work: Callable[..., Result], arguments: Sequence[object], seconds: float = BUSY_TIME
    ) -> Result:
        """Return what `work` returns for a connection; others may hold a lock for some seconds."""
        connection = self.take()
        try:
            return patiently(connection, seconds, work, connection, *arguments)
        finally:
            self.give_back(connection)

    def take_turn(self, work: Callable[..., Result], arguments: Sequence[object]) -> Result:
        """Return what `work` returns; no other thread of this process writes meanwhile."""
        end = time.monotonic() + BUSY_TIME
        self._begin_turn(BUSY_TIME)
        try:
            return self.read(work, arguments, end - time.monotonic())
        finally:
            self._write_lock.release()

    @contextlib.contextmanager
    def writing(self, seconds: float) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction that writes, which begins within `seconds`.

        Threads of one process take turns: SQLite would let each of them sleep, and for longer each time.
        Threads that wait for their turn hold no connection, so others can read.
        """
        end = time.monotonic() + seconds
        self._begin_turn(seconds)
        try:
            connection = self.take()
            try:
                patiently(connection, end - time.monotonic(), connection.execute, "BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            finally:
                self.give_back(connection)
        finally:
            self._write_lock.release()

    def _begin_turn(self, seconds: float) -> None:
        if not self._write_lock.acquire(timeout=seconds):
            if self.is_retired:  # before a fork, for which the holder of the lock is waiting
                raise Replaced
            raise TimeoutError("other threads of this process are writing")

    def retire(self) -> None:
        """Close unused connections; the others are closed when they are given back."""
        self.is_retired = True
        with contextlib.suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    def wait_until_unused(self, seconds: float) -> None:
        """Wait until all connections have been given back."""
        sleep, end = native_threads.original("time", "sleep"), time.monotonic() + seconds
        while self._users and time.monotonic() < end:
            sleep(0.001)
