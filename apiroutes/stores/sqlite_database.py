"""The file of SQLiteStore: opened when it is first used, made anew when it cannot be used, and shared.

In: a path. Out: connections, each for one thread at a time, and the generation.
Raises StoreError for a file that cannot be opened, and Replaced where it has just been replaced.

Processes agree on one database by the lock of the generation's file: under it they make a database, move one
aside, and open connections, so that none reads one database with the log of another. Each compares the inodes
of both files with those at their paths once a second, and whenever the generation has changed.
No connection outlives a fork: SQLite forbids even to close one in the child.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from apiroutes.stores.generation import GenerationFile, identity_of
from apiroutes.stores.sqlite_schema import EMPTY, MISSING, OF_ANOTHER_BOOT, create_tables, flaw_of
from apiroutes.stores.store import StoreError
from apiroutes.threads import native_threads

__all__ = ["BUSY_TIME", "Database", "DatabaseFile", "Replaced", "is_damage", "why_unwritable"]

_log = logging.getLogger("apiroutes")

# Seconds: for which a lock is waited for, and between two looks at the inodes.
BUSY_TIME, _CHECK_TIME = 0.25, 1.0
# A connection takes up to 1 MB of memory. There are as many as threads that use one in the same moment; so
# many of them stay open.
_MOST_IDLE = 8
_MOST_ASIDE = 3

# What a fork has copied. It must not be closed, so it is never forgotten.
_abandoned: list[Database] = []


class Replaced(Exception):
    """Another process has put another file in the place of the one that was open."""


class Database:
    """A database that this process has open. Any thread may use it."""

    def __init__(self, path: Path, generation: GenerationFile, connection: sqlite3.Connection) -> None:
        self.process = os.getpid()
        self.generation = generation
        self._write_lock = native_threads.native_lock()
        self.is_retired = False
        self.identity = identity_of(path)
        self._path = path
        self._idle = [connection]
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

    def change_generation(self) -> None:
        """Tell all processes that something was revalidated. Raises StoreError if that is not possible."""
        try:
            self.generation.change()
        except OSError as error:
            raise StoreError(f"the cache's generation, beside {self._path}: {error}") from error

    def take(self) -> sqlite3.Connection:
        """Return a connection that nobody else uses until it is given back."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        with self.generation.locked(BUSY_TIME):
            if not self.is_current():
                raise Replaced
            return connect(self._path)

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Give a connection back. A transaction that it is in has failed."""
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        if self.is_retired or connection.in_transaction or len(self._idle) >= _MOST_IDLE:
            connection.close()
        else:
            self._idle.append(connection)
            if self.is_retired:
                self.retire()

    @contextlib.contextmanager
    def writing(self, connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
        """Run what follows in a transaction that is alone in the database, and that begins within `seconds`.

        Threads of one process take turns: SQLite would let each of them sleep, and for longer each time.
        """
        begin = time.monotonic()
        if not self._write_lock.acquire(timeout=seconds):
            raise TimeoutError("other threads of this process are writing")
        try:
            left = seconds - (time.monotonic() - begin)
            is_usual = left > BUSY_TIME * 0.9
            if not is_usual:
                connection.execute(f"PRAGMA busy_timeout = {max(0, int(left * 1000))}")
            try:
                connection.execute("BEGIN IMMEDIATE")
            finally:
                if not is_usual:
                    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIME * 1000)}")
            yield
            connection.execute("COMMIT")
        finally:
            self._write_lock.release()

    def retire(self) -> None:
        """Close what nobody uses now; the rest is closed when it is given back."""
        self.is_retired = True
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()


class DatabaseFile:
    """A path, and the database that is there."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._generation = self.path.with_name(f"{path.name}-generation")
        self.database: Database | None = None  # the one that was opened last

    def current(self) -> Database:
        """Return the database that is at the path now, opened or made if necessary."""
        database = self.database
        if database is not None and (database.is_known_to_be_current() or database.is_current()):
            return database
        return self._open(database)

    def replace(self, damaged: Database) -> None:
        """Move a damaged database aside, unless somebody has done so, and make another one."""
        self._open(damaged, is_damaged=True)

    def close(self) -> None:
        """Close the database; it is opened again if it is used again."""
        database, self.database = self.database, None
        _leave(database)

    def _open(self, previous: Database | None, is_damaged: bool = False) -> Database:
        try:
            _make_directory(self.path.parent)
            while True:
                generation = GenerationFile(self._generation)
                with generation.locked(BUSY_TIME):
                    if not generation.is_current():
                        continue
                    database = self.database
                    if database is None or database is previous or not database.is_current():
                        previous = database
                        flaw = self._flaw(previous.identity if previous and is_damaged else None)
                        aside = None if flaw is None else self._make(flaw, generation)
                        database = Database(self.path, generation, connect(self.path))
                        self.database = database
                    else:
                        return database
                break
        except (OSError, ValueError, sqlite3.Error) as error:
            reason = why_unwritable(self.path) or f"{self.path}: {error}"
            raise StoreError(f"the cache cannot be opened: {reason}") from error
        _leave(previous)
        if aside is not None:
            message = "the cache's database %s %s: it is kept as %s, and a new one was made"
            _log.warning(message, self.path, flaw, aside.name)
        return database

    def _flaw(self, damaged: tuple[int, int] | None) -> str | None:
        """Return why what is at the path cannot be used, or None if it can. It is called under the lock."""
        identity = identity_of(self.path)
        if identity is None:
            return MISSING
        if identity == damaged:
            return "is damaged"
        connection = sqlite3.connect(_address(self.path), uri=True, timeout=BUSY_TIME)
        try:
            return flaw_of(connection)
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
        if flaw in (MISSING, EMPTY, OF_ANOTHER_BOOT):
            _remove(self.path)
        else:
            aside = _move_aside(self.path)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(_address(self.path), uri=True, timeout=BUSY_TIME, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute("PRAGMA synchronous = off")
            create_tables(connection)
        finally:
            connection.close()
        generation.change()  # now everybody looks for the new one
        return aside


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection to a database that has its tables. It is called under the lock."""
    connection = sqlite3.connect(
        _address(path),
        timeout=BUSY_TIME,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    try:
        connection.execute("PRAGMA synchronous = off")
        connection.execute("PRAGMA cache_size = -1000")
        connection.execute("PRAGMA journal_size_limit = 16777216")
        connection.execute("SELECT epoch FROM state").fetchone()  # which opens the log as well
    except BaseException:
        connection.close()
        raise
    return connection


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether an error says that a file is no database of ours: SQLITE_CORRUPT, SQLITE_NOTADB."""
    return type(error) is sqlite3.DatabaseError or str(error).startswith("no such ")


def why_unwritable(path: Path) -> str | None:
    """Return why a store cannot use a path, as far as permissions tell; it changes nothing."""
    if os.path.exists(path):
        if not os.path.isfile(path):
            return f"{path} is not a file"
        if not os.access(path, os.R_OK | os.W_OK):
            return f"the file {path} is not writable for the user of this process"
    directory = path.absolute().parent
    while not os.path.exists(directory):  # the first one in which the next would be made
        directory = directory.parent
    if not os.path.isdir(directory):
        return f"{directory} is not a directory"
    if not os.access(directory, os.W_OK | os.X_OK):
        return f"the directory {directory} is not writable for the user of this process"
    return None


def _leave(database: Database | None) -> None:
    if database is None:
        return
    if database.process != os.getpid():
        _abandoned.append(database)
        return
    if not database.generation.is_current():
        with contextlib.suppress(OSError):  # other processes may still have that file open, too
            database.generation.change()
    database.retire()


def _address(path: Path) -> str:
    return f"{path.as_uri()}?mode=rw"  # SQLite makes no file, which would have other permissions


def _make_directory(directory: Path) -> None:
    """Make the directory of what belongs to this machine alone, which Git leaves out."""
    try:
        directory.mkdir(mode=0o700, parents=True)
    except FileExistsError:  # it may be one of the project's, whose other files Git has to see
        return
    with contextlib.suppress(FileExistsError), open(directory / ".gitignore", "x", encoding="ascii") as file:
        file.write("*\n")


def _remove(path: Path) -> None:
    for name in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{path}{name}")


def _move_aside(path: Path) -> Path:
    """Give a database, with its log, another name, and remove the oldest of those that have such names."""
    start = f"{path.name}.aside-"
    numbers = [int(end) for file in path.parent.iterdir() if (end := file.name.removeprefix(start)).isdigit()]
    number = max(numbers, default=0) + 1
    for old in numbers:
        if old <= number - _MOST_ASIDE:
            _remove(path.with_name(f"{start}{old}"))
    aside = path.with_name(f"{start}{number}")
    os.rename(path, aside)
    with contextlib.suppress(FileNotFoundError):
        os.rename(f"{path}-wal", f"{aside}-wal")
    _remove(path)
    return aside
