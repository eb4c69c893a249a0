"""A database of SQLite: opened when it is first used, replaced if it is unusable, and shared.

In: a path, the kind of database. Out: the results of functions that use a connection, and the generation.
Raises StoreError.

Processes agree on one database by the lock of the generation's file: under it they make a database, move one
aside, and open connections, so that none reads one database with the log of another. Each compares the inodes
of both files with those at their paths once a second, and whenever the generation has changed.

No connection outlives a fork. SQLite remembers, for the whole process, which locks it holds, and a child
would rely on its parent's locks: it would keep writing into a log that others have removed. So all
connections are closed before a fork. If something forks without Python, the child closes the copies before it
opens a connection, which makes SQLite forget the locks.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apiroutes.stores.generation import GenerationFile, identity_of
from apiroutes.stores.sqlite_alone import FORK_TIME, alone, begin_fork, end_fork
from apiroutes.stores.sqlite_connection import BUSY_TIME, is_damage
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
from apiroutes.stores.sqlite_pool import Database, Replaced
from apiroutes.stores.store import StoreError

__all__ = ["DatabaseFile"]

_log = logging.getLogger("apiroutes")

Result = TypeVar("Result")

# How often something is tried while others replace the database, or forks close it.
_MOST_ATTEMPTS = 10

_files: weakref.WeakSet[DatabaseFile] = weakref.WeakSet()


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
        """Return what `work` returns for a connection and the arguments. Raises StoreError."""
        return self._run(lambda database: database.read(work, arguments))

    def take_turn(self, work: Callable[..., Result], *arguments: object) -> Result:
        """Return what `work` returns, which writes with one statement, or begins a transaction itself.

        It takes half the time of `write`, and is called again while others have the database locked. Raises
        StoreError.
        """
        return self._run(lambda database: database.take_turn(work, arguments))

    def write(
        self,
        work: Callable[..., Result],
        *arguments: object,
        seconds: float = BUSY_TIME,
    ) -> Result:
        """Return what `work` returns for a connection and the arguments, in a transaction. Raises StoreError.

        The transaction begins within `seconds`.
        """

        def use(database: Database) -> Result:
            with database.writing(seconds) as connection:
                result = work(connection, *arguments)
            return result

        return self._run(use)

    def sync(self) -> None:
        """Wait until all earlier writes are on the disk. Raises StoreError.

        Others can write meanwhile, unlike during a transaction with `PRAGMA synchronous = full`.
        """
        try:
            with open(log_of(self.path), "rb", buffering=0) as log:
                os.fsync(log)
        except FileNotFoundError:  # SQLite has moved everything into the database, and synced it
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
                with alone(generation):
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
            # Record: The file of a store is damaged, or of another kind; it is kept, but not used.
            _log.warning(message, self._kind.database, self.path, flaw, aside.name)
        return database

    def _flaw(self, damaged: tuple[int, int] | None) -> str | None:
        """Return why the file at the path cannot be used, or None if it can. Call it under the lock."""
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
        generation.change()  # first, no process trusts its own memory any more
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
        generation.change()  # now all processes look for the new one
        return aside


def _leave(database: Database | None) -> None:
    if database is None:
        return
    if database.process == os.getpid() and not database.generation.is_current():
        with contextlib.suppress(OSError):  # other processes may still have that file open, too
            database.generation.change()
    database.retire()


# -- forks


def _close_before_fork() -> None:
    begin_fork()
    for file in [*_files]:
        database = file.close()
        if database is not None:
            database.wait_until_unused(FORK_TIME)


os.register_at_fork(before=_close_before_fork, after_in_parent=end_fork, after_in_child=end_fork)
