"""A database of SQLite: opened when it is first used, made anew when it cannot be used, and shared.

In: a path, the kind of database. Out: connections, each for one thread at a time; what work returned that
used one; and the generation.
Raises StoreError for a file that cannot be opened, and Replaced where it has just been replaced.

Processes agree on one database by the lock of the generation's file: under it they make a database, move one
aside, and open connections, so that none reads one database with the log of another. Each compares the inodes
of both files with those at their paths once a second, and whenever the generation has changed.

No connection outlives a fork. SQLite remembers, for the whole process, which locks it has, and a child would
rely on those of its parent: it would go on writing into a log that others have removed. So before a fork all
connections are closed. Where something forks without Python, the child closes the copies before it opens a
connection, which makes SQLite forget the locks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeVar

from apiroutes.stores.generation import GenerationFile, identity_of
from apiroutes.stores.sqlite_connection import BUSY_TIME, begin, connect, is_damage
from apiroutes.stores.sqlite_files import (
    address_of,
    log_of,
    make_directory,
    make_file,
    move_aside,
    remove,
    remove_log,
    why_unwritable,
)
from apiroutes.stores.sqlite_kind import HARMLESS, MISSING, DatabaseKind, create_tables, flaw_of
from apiroutes.stores.store import StoreError
from apiroutes.threads import native_threads

__all__ = ["Database", "DatabaseFile"]

_log = logging.getLogger("apiroutes")

Result = TypeVar("Result")

# Seconds between two looks at the inodes.
_CHECK_TIME = 1.0
# A connection takes up to 1 MB of memory. There are as many as threads that have used one in the same moment.
_MOST_CONNECTIONS = 8
# Seconds for which a fork waits for threads that use a connection. They take less, unless they are stopped.
_FORK_TIME = 1.0
# How often something is tried while others replace the database, or forks close it.
_MOST_ATTEMPTS = 10

_files: weakref.WeakSet[DatabaseFile] = weakref.WeakSet()
# Whoever has it may open connections: threads of one process share the descriptor of the generation's file,
# and so the lock of that. It is held for 0.25 s at most, or by a thread that forks.
_opening = native_threads.native_lock()


class Replaced(Exception):
    """Another process has put another file in the place of the one that was open."""


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
        self._users: list[
            None
        ] = []  # one for each connection that is not idle: a count that threads can change
        self._seen = generation.bits[0]
        self._check_at = time.monotonic() + _CHECK_TIME

    def is_known_to_be_current(self) -> bool:
        """Return whether the files have been compared a moment ago, and nothing has happened since."""
        return (
            self.generation.bits[0] == self._seen
            and time.monotonic() < self._check_at
            and self.process == os.getpid()
        )

    def is_current(self) -> bool:
        """Return whether the files are still those at their paths."""
        if self.process != os.getpid() or self.is_retired:
            return False
        seen = self.generation.bits[0]  # before the comparison: what comes later is compared again
        if identity_of(self._path) != self.identity or not self.generation.is_current():
            return False
        self._seen = seen
        self._check_at = time.monotonic() + _CHECK_TIME
        return True

    def left_log(self) -> bool:
        """Return whether the log at the path is that of this database, though it is there no more."""
        is_replaced = identity_of(self._path) != self.identity
        return is_replaced and self._log is not None and identity_of(log_of(self._path)) == self._log

    def change_generation(self) -> None:
        """Tell all processes that something was revalidated. Raises StoreError if that is not possible."""
        try:
            self.generation.change()
        except OSError as error:
            raise StoreError(f"{self._kind.name}'s generation, beside {self._path}: {error}") from error

    def take(self) -> sqlite3.Connection:
        """Return a connection that nobody else uses until it is given back."""
        connection = self._take_idle(None)
        if connection is None and self._count < _MOST_CONNECTIONS:
            with _alone(self.generation):
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
        self._users.append(None)  # before a fork may take place in which it would not count
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

    def read(self, work: Callable[..., Result], arguments: Sequence[object]) -> Result:
        """Return what `work` returns of a connection and the arguments."""
        connection = self.take()
        try:
            return work(connection, *arguments)
        finally:
            self.give_back(connection)

    def take_turn(self, work: Callable[..., Result], arguments: Sequence[object]) -> Result:
        """Return what `work` returns, while no other thread of this process writes."""
        self._begin_turn(BUSY_TIME)
        try:
            return self.read(work, arguments)
        finally:
            self._write_lock.release()

    @contextlib.contextmanager
    def writing(self, seconds: float) -> Iterator[sqlite3.Connection]:
        """Give a connection for a transaction, alone in the database, which begins within `seconds`.

        Threads of one process take turns: SQLite would let each of them sleep, and for longer each time.
        Those that wait for their turn have no connection, so that others can read.
        """
        end = time.monotonic() + seconds
        self._begin_turn(seconds)
        try:
            connection = self.take()
            try:
                begin(connection, end - time.monotonic())
                yield connection
                connection.execute("COMMIT")
            finally:
                self.give_back(connection)
        finally:
            self._write_lock.release()

    def _begin_turn(self, seconds: float) -> None:
        if not self._write_lock.acquire(timeout=seconds):
            if self.is_retired:  # before a fork, which whoever has the lock is waiting for
                raise Replaced
            raise TimeoutError("other threads of this process are writing")

    def retire(self) -> None:
        """Close what nobody uses now; the rest is closed when it is given back."""
        self.is_retired = True
        with contextlib.suppress(Empty):
            while True:
                self._idle.get_nowait().close()

    def wait_until_unused(self, seconds: float) -> None:
        """Wait until all connections were given back."""
        sleep, end = native_threads.original("time", "sleep"), time.monotonic() + seconds
        while self._users and time.monotonic() < end:
            sleep(0.001)


class DatabaseFile:
    """A path, and the database that is there."""

    def __init__(self, path: Path, kind: DatabaseKind) -> None:
        self.path = path.absolute()
        self._kind = kind
        self._generation = self.path.with_name(f"{path.name}-generation")
        self.database: Database | None = None  # the one that was opened last
        _files.add(self)

    def current(self) -> Database:
        """Return the database that is at the path now, opened or made if necessary."""
        database = self.database
        if database is not None and (database.is_known_to_be_current() or database.is_current()):
            return database
        return self._open(database)

    def read(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Return what `work` returns of a connection and the arguments. Raises StoreError."""
        return self._run(lambda database: database.read(work, arguments))

    def take_turn(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Return what `work` returns, which writes with one statement, or begins a transaction itself.

        It takes half the time of `write`. Raises StoreError.
        """
        return self._run(lambda database: database.take_turn(work, arguments))

    def write(
        self,
        work: Callable[..., Result],
        *arguments: object,
        seconds: float = BUSY_TIME,
    ) -> Result:
        """Return what `work` returns of a connection and the arguments, in a transaction. Raises StoreError.

        It begins within `seconds`.
        """

        def use(database: Database) -> Result:
            with database.writing(seconds) as connection:
                result = work(connection, *arguments)
            return result

        return self._run(use)

    def sync(self) -> None:
        """Wait until all that was written before is on the disk. Raises StoreError.

        Others can write meanwhile, unlike during a transaction with `PRAGMA synchronous = full`.
        """
        try:
            with open(log_of(self.path), "rb", buffering=0) as log:
                os.fsync(log)
        except FileNotFoundError:  # SQLite has moved all into the database, and waited for that
            return
        except OSError as error:
            raise StoreError(f"{self._kind.database} {self.path}: {error}") from error

    def close(self) -> Database | None:
        """Close the database, and return it; it is opened again if it is used again."""
        database, self.database = self.database, None
        _leave(database)
        return database

    def _run(self, use: Callable[[Database], Result]) -> Result:
        attempts, was_damaged = _MOST_ATTEMPTS, False
        while True:
            attempts -= 1
            database = self.current()
            try:
                return use(database)
            except (sqlite3.Error, OSError, ValueError, TypeError, Replaced) as error:
                is_damaged = isinstance(error, sqlite3.Error) and is_damage(error) and not was_damaged
                if not (is_damaged or (isinstance(error, Replaced) and attempts)):
                    raise StoreError(f"{self._kind.database} {self.path}: {error}") from error
                if is_damaged:
                    was_damaged = True
                    self._open(database, is_damaged=True)  # unless somebody else has replaced it

    def _open(self, previous: Database | None, is_damaged: bool = False) -> Database:
        try:
            make_directory(self.path.parent)
            while True:
                generation = GenerationFile(self._generation)
                with _alone(generation):
                    if not generation.is_current():
                        continue
                    database = self.database
                    if database is None or database is previous or not database.is_current():
                        previous = database
                        if previous is not None and previous.left_log():
                            remove_log(self.path)  # SQLite would read it as a part of the new database
                        flaw = self._flaw(previous.identity if previous and is_damaged else None)
                        aside = None if flaw is None else self._make(flaw, generation)
                        database = Database(self.path, self._kind, generation)
                        self.database = database
                    else:
                        return database
                break
        except (OSError, ValueError, sqlite3.Error) as error:
            self.close()
            reason = why_unwritable(self.path) or f"{self.path}: {error}"
            raise StoreError(f"{self._kind.name} cannot be opened: {reason}") from error
        _leave(previous)
        if aside is not None:
            message = "%s %s %s: it is kept as %s, and a new one was made"
            _log.warning(message, self._kind.database, self.path, flaw, aside.name)
        return database

    def _flaw(self, damaged: tuple[int, int] | None) -> str | None:
        """Return why what is at the path cannot be used, or None if it can. It is called under the lock."""
        identity = identity_of(self.path)
        if identity is None:
            return MISSING
        if identity == damaged:
            return "is damaged"
        connection = sqlite3.connect(address_of(self.path), uri=True, timeout=BUSY_TIME)
        try:
            return flaw_of(connection, self._kind)
        except TypeError:  # a table without its row
            return "is damaged"
        except sqlite3.Error as error:
            if is_damage(error):
                return "is damaged"
            raise
        finally:
            connection.close()

    def _make(self, flaw: str, generation: GenerationFile) -> Path | None:
        """Make a new database; return where the old one is now, if it is kept."""
        generation.change()  # first of all nobody trusts his own memory any more
        aside = None
        if flaw in HARMLESS:
            remove(self.path)
        else:
            aside = move_aside(self.path)
        make_file(self.path)
        connection = sqlite3.connect(address_of(self.path), uri=True, timeout=BUSY_TIME, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute(f"PRAGMA synchronous = {self._kind.synchronous}")
            create_tables(connection, self._kind)
        finally:
            connection.close()
        generation.change()  # now everybody looks for the new one
        return aside


def _leave(database: Database | None) -> None:
    if database is None:
        return
    if database.process == os.getpid() and not database.generation.is_current():
        with contextlib.suppress(OSError):  # other processes may still have that file open, too
            database.generation.change()
    database.retire()


@contextlib.contextmanager
def _alone(generation: GenerationFile) -> Iterator[None]:
    """Keep all threads and processes from opening connections. Raises TimeoutError."""
    is_alone = _opening.acquire(timeout=BUSY_TIME)
    if not (is_alone or _opening.acquire(timeout=2 * _FORK_TIME if _forks else 0.01)):
        raise TimeoutError("another thread opens a database")
    try:
        with generation.locked(BUSY_TIME):
            yield
    finally:
        _opening.release()


# -- forks


_forks: list[bool] = []  # of the forks that have begun: whether they have the lock


def _close_before_fork() -> None:
    _forks.append(_opening.acquire(timeout=_FORK_TIME))
    for file in [*_files]:
        database = file.close()
        if database is not None:
            database.wait_until_unused(_FORK_TIME)


def _allow_opening() -> None:
    if _forks.pop():
        _opening.release()


os.register_at_fork(before=_close_before_fork, after_in_parent=_allow_opening, after_in_child=_allow_opening)
