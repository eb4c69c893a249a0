"""What only the store of sessions in SQLite's file has: files, a clock that is set, and their faults."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from apiroutes.stores.session_sqlite import SQLiteSessionStore
from apiroutes.stores.session_store import Lifetime
from apiroutes.stores.store import StoreError
from tests.stores.kinds import eventually
from tests.stores.session_kinds import LONG, values_of

KEY, OTHER = b"key", b"other"
HOUR = 3600.0
WRITES: dict[str, Callable[[SQLiteSessionStore], object]] = {
    "begin": lambda store: store.begin(OTHER, {}, LONG),
    "merge": lambda store: store.merge(KEY, {"b": b"2"}, [], LONG),
    "rename": lambda store: store.rename(KEY, OTHER, "owner", LONG),
    "end": lambda store: store.end(KEY),
    "end_all": lambda store: store.end_all("owner"),
}


class Clock:
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory" / "sessions.db"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SQLiteSessionStore]:
    with opened(path, clock) as store:
        yield store


@contextmanager
def opened(path: Path, clock: Callable[[], float] | None = None) -> Iterator[SQLiteSessionStore]:
    made = SQLiteSessionStore(path) if clock is None else SQLiteSessionStore(path, clock=clock)
    with closing(made) as store:
        yield store


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """The database as another application opens it; its transactions are explicit."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def count_of(path: Path) -> int:
    with database(path) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM sessions").fetchall()
    return int(count)


def in_process(code: str, path: Path) -> str:
    """Run code in a process that has a `store`; return what it printed."""
    start = (
        "import os, sys, threading\nfrom pathlib import Path\n"
        "from apiroutes.stores.session_sqlite import SQLiteSessionStore\n"
        "from apiroutes.stores.store import StoreError\n"
        "from tests.stores.session_kinds import LONG, values_of\n"
        f"path = Path({str(path)!r})\nstore = SQLiteSessionStore(path)\n"
    )
    command = [sys.executable, "-c", start + textwrap.dedent(code)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=60, text=True).stdout


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# -- files


def test_nothing_is_made_before_the_store_is_used(path: Path) -> None:
    with opened(path):
        assert not path.parent.exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_files_are_for_this_user_alone(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with opened(path) as store:
            store.begin(KEY, {"a": b"1"}, LONG)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes.pop(".gitignore")
    names = ["sessions.db", "sessions.db-wal", "sessions.db-shm", "sessions.db-generation"]
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_sessions_outlive_the_processes_that_have_them_open(path: Path) -> None:
    in_process("store.begin(b'key', {'a': b'1'}, LONG, 'owner')", path)
    in_process(
        "store.merge(b'key', {'b': b'2'}, [], LONG); os.kill(os.getpid(), 9) if 0 else os._exit(0)", path
    )
    with opened(path) as store:
        assert values_of(store, KEY) == {"a": b"1", "b": b"2"}
        assert store.end_all("owner") == 1


def test_what_a_killed_process_has_written_is_kept(path: Path) -> None:
    code = f"""
        from tests.stores.test_session_sqlite import *
        store = SQLiteSessionStore(Path({str(path)!r}))
        store.begin(KEY, {{"a": b"1"}}, LONG)
        store.begin(OTHER, {{}}, LONG)
        store.end(OTHER)
        os.kill(os.getpid(), 9)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)], timeout=60).returncode == -9
    with opened(path) as store:
        assert values_of(store, KEY) == {"a": b"1"}
        assert store.load(OTHER, LONG) is None


def test_nothing_is_pickled(store: SQLiteSessionStore, path: Path) -> None:
    """What somebody has put into the file is data."""
    store.begin(KEY, {"a": b"1"}, LONG)
    attack = b"cos\nsystem\n(S'touch attacked'\ntR."
    with database(path) as connection:
        connection.execute('UPDATE sessions SET "values" = ?', (attack,))
    assert store.load(KEY, LONG) is None
    assert store.merge(KEY, {"a": b"2"}, [], LONG) is False


# -- room


def test_what_has_ended_is_deleted_as_others_begin(
    store: SQLiteSessionStore, path: Path, clock: Clock
) -> None:
    for number in range(100):
        store.begin(b"old %d" % number, {"a": b"x" * 100}, Lifetime(HOUR, 60))
    store.begin(KEY, {}, Lifetime(10 * HOUR))
    clock.time += HOUR
    for number in range(6):
        store.begin(b"new %d" % number, {}, LONG)
    assert count_of(path) == 7
    assert store.load(KEY, Lifetime(10 * HOUR)) is not None


def test_a_session_in_use_is_not_deleted(store: SQLiteSessionStore, clock: Clock) -> None:
    lifetime = Lifetime(100 * HOUR, HOUR)
    store.begin(KEY, {}, lifetime)
    for number in range(10):
        clock.time += 0.8 * HOUR
        assert store.load(KEY, lifetime) is not None
        store.begin(b"%d" % number, {}, LONG)
    assert store.load(KEY, lifetime) is not None


# -- notes of use


def is_written(path: Path, act: Callable[[], object]) -> bool:
    """Whether something writes into the database."""
    with database(path) as connection:

        def version() -> object:
            return connection.execute("PRAGMA data_version").fetchall()

        before = version()
        act()
        return version() != before


@pytest.mark.parametrize(
    ("idle", "passed", "is_noted"),
    [
        *[(None, 0.0, False), (None, 1000.0, False)],
        *[(100.0, 9.9, False), (100.0, 10.1, True), (100.0, 99.0, True)],
        *[(5.0, 0.9, False), (5.0, 1.1, True)],
        *[(1.0, 0.4, False), (1.0, 0.6, True)],
        *[(1800.0, 179.0, False), (1800.0, 181.0, True)],
    ],
)
def test_a_read_writes_when_a_tenth_of_the_idle_time_has_passed(
    store: SQLiteSessionStore, path: Path, clock: Clock, idle: float | None, passed: float, is_noted: bool
) -> None:
    lifetime = Lifetime(HOUR, idle)
    store.begin(KEY, {}, lifetime)
    clock.time += passed
    assert is_written(path, lambda: store.load(KEY, lifetime)) == is_noted
    assert not is_written(path, lambda: store.load(KEY, lifetime))


def test_a_read_of_what_is_not_there_writes_nothing(
    store: SQLiteSessionStore, path: Path, clock: Clock
) -> None:
    store.begin(KEY, {}, Lifetime(10))
    clock.time += 10
    for act in [lambda: store.load(KEY, LONG), lambda: store.load(OTHER, LONG), lambda: store.end(OTHER)]:
        assert not is_written(path, act)


def test_a_use_that_cannot_be_noted_is_noted_later(
    store: SQLiteSessionStore, path: Path, clock: Clock
) -> None:
    lifetime = Lifetime(HOUR, 100)
    store.begin(KEY, {}, lifetime)
    clock.time += 90
    with database(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert store.load(KEY, lifetime) is not None
        connection.execute("ROLLBACK")
    assert store.load(KEY, lifetime) is not None
    clock.time += 90
    assert store.load(KEY, lifetime) is not None


# -- a clock that is set


@pytest.mark.parametrize("lifetime", [Lifetime(6 * HOUR), Lifetime(6 * HOUR, 2 * HOUR)])
@pytest.mark.parametrize("steps", [[-1], [1], [-1, 1], [1, -1], [1, -1] * 4, [-1, 1] * 4])
def test_a_clock_set_back_and_forth_prolongs_no_session_by_more_than_the_step(
    store: SQLiteSessionStore, clock: Clock, lifetime: Lifetime, steps: list[int]
) -> None:
    """The steps come while it is in use; then nobody uses it."""
    store.begin(KEY, {}, lifetime)
    lived = 0.0
    for step in steps:
        clock.time += 60
        lived += 60
        clock.time += step * HOUR
        store.load(KEY, lifetime)
    idle = lifetime.idle or lifetime.whole - lived
    clock.time += idle + HOUR
    assert store.load(KEY, lifetime) is None


def test_a_clock_set_back_does_not_prolong_the_idle_time_of_a_session_in_use(
    store: SQLiteSessionStore, clock: Clock
) -> None:
    lifetime = Lifetime(100 * HOUR, 600)
    store.begin(KEY, {}, lifetime)
    clock.time -= HOUR
    assert store.load(KEY, lifetime) is not None
    clock.time += 600
    assert store.load(KEY, lifetime) is None


# -- what is damaged


def run(path: Path, statement: str) -> None:
    with database(path) as connection:
        connection.execute(statement)


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


FLAWS: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(b"garbage" * 1000),
    "another header": lambda path: overwrite(path, 0, b"x" * 100),
    "pages of garbage": lambda path: overwrite(path, 4096, b"\xff" * (path.stat().st_size - 4096)),
    "a later version": lambda path: run(path, "PRAGMA user_version = 2"),
    "without its table": lambda path: run(path, "DROP TABLE sessions"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_what_cannot_be_used_is_moved_aside(path: Path, caplog: pytest.LogCaptureFixture, flaw: str) -> None:
    with opened(path) as store:
        store.begin(KEY, {}, LONG)
    FLAWS[flaw](path)
    damaged = path.read_bytes()
    with opened(path) as store:
        assert store.load(KEY, LONG) is None
        store.begin(KEY, {"a": b"1"}, LONG)
        assert values_of(store, KEY) == {"a": b"1"}
    (warning,) = warnings(caplog)
    assert f"the sessions' database {path}" in warning
    assert "sessions.db.aside-1" in warning
    assert path.with_name("sessions.db.aside-1").read_bytes() == damaged


@pytest.mark.parametrize("flaw", ["pages of garbage", "without its table"])
def test_what_is_damaged_while_it_is_open_is_moved_aside(
    store: SQLiteSessionStore, path: Path, caplog: pytest.LogCaptureFixture, flaw: str
) -> None:
    for number in range(50):
        store.begin(b"%d" % number, {"a": b"x" * 10_000}, LONG)
    run(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    FLAWS[flaw](path)
    assert store.end_all("owner") == 0
    assert store.load(b"1", LONG) is None
    store.begin(KEY, {"a": b"1"}, LONG)
    assert values_of(store, KEY) == {"a": b"1"}
    assert len(warnings(caplog)) == 1


VALUE_FLAWS = {
    "a bit": 'CAST(substr("values", 1, 8) || x\'01\' || substr("values", 10) AS BLOB)',
    "the version": "CAST(x'02' || substr(\"values\", 2) AS BLOB)",
    "the end": 'substr("values", 1, length("values") - 1)',
    "everything": "x''",
    "the type": "'text'",
}


@pytest.mark.parametrize("flaw", VALUE_FLAWS)
def test_a_session_that_is_damaged_is_none(store: SQLiteSessionStore, path: Path, flaw: str) -> None:
    store.begin(KEY, {"a": b"x" * 100}, LONG, "owner")
    store.begin(OTHER, {"a": b"1"}, LONG)
    with database(path) as connection:
        update = f'UPDATE sessions SET "values" = {VALUE_FLAWS[flaw]} WHERE owner IS NOT NULL'
        assert connection.execute(update).rowcount == 1
    assert store.load(KEY, LONG) is None
    assert not store.merge(KEY, {"b": b"1"}, [], LONG)
    assert not store.rename(KEY, b"new", None, LONG)
    assert values_of(store, OTHER) == {"a": b"1"}
    store.end(KEY)
    assert count_of(path) == 1


@pytest.mark.parametrize("application", [0, 42, 0x61706952])
def test_the_database_of_another_application_is_left_alone(path: Path, application: int) -> None:
    path.parent.mkdir()
    with database(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.execute(f"PRAGMA application_id = {application}")
    before = path.read_bytes()
    with opened(path) as store, pytest.raises(StoreError, match="database of another application; move that"):
        store.load(KEY, LONG)
    assert path.read_bytes() == before


def test_a_file_that_is_deleted_while_it_is_open_is_made_anew(store: SQLiteSessionStore, path: Path) -> None:
    store.begin(KEY, {}, LONG)
    path.unlink()
    eventually(lambda: store.load(KEY, LONG) is None)
    store.begin(KEY, {"a": b"1"}, LONG)
    with opened(path) as other:
        assert values_of(other, KEY) == {"a": b"1"}


# -- what cannot be used


def test_a_path_below_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "sessions.db"
    message = "the store of sessions cannot be opened: .*file is not a directory"
    with opened(path) as store, pytest.raises(StoreError, match=message):
        store.load(KEY, LONG)


@pytest.mark.parametrize("made", ["directory", "file"])
def test_what_is_not_writable_is_an_error(made: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "sessions.db"
        if made == "file":
            with opened(path) as store:
                store.begin(KEY, {}, LONG)
            path.chmod(0o444)
        os.chmod(directory, 0o555)
        code = """
            if os.getuid() == 0: os.setgid(65534), os.setuid(65534)
            for act in [lambda: store.load(b'key', LONG), lambda: store.begin(b'new', {}, LONG)]:
                try: act()
                except StoreError as error: print(error)
        """
        errors = in_process(code, path).splitlines()
        os.chmod(directory, 0o755)
    place = path if made == "file" else directory
    reason = f"the {made} {place} is not writable for the user of this process"
    assert errors == [f"the store of sessions cannot be opened: {reason}"] * 2


@pytest.mark.parametrize("write", WRITES)
def test_what_needs_a_locked_database_is_an_error(store: SQLiteSessionStore, path: Path, write: str) -> None:
    store.begin(KEY, {"a": b"1"}, LONG, "owner")
    with database(path) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            WRITES[write](store)
        assert values_of(store, KEY) == {"a": b"1"}
        connection.execute("ROLLBACK")
    WRITES[write](store)


@pytest.mark.costly
def test_processes_that_write_all_the_time_let_each_other_write(path: Path) -> None:
    """Each has the lock again soon after it has given it away."""
    with opened(path) as store:
        store.begin(KEY, {}, LONG)
    code = f"""
        import os, time
        from pathlib import Path
        from apiroutes.stores.session_sqlite import SQLiteSessionStore
        from tests.stores.session_kinds import LONG
        from apiroutes.stores import StoreError
        store = SQLiteSessionStore(Path({str(path)!r}))
        end, merged, failed = time.monotonic() + 3, 0, 0
        while time.monotonic() < end:
            try:
                assert store.merge(b"key", {{str(os.getpid()): b"1"}}, [], LONG)
                merged += 1
            except StoreError:  # of a process that had no processor for a quarter of a second
                failed += 1
        assert failed < 1 + merged / 100, (merged, failed)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[1] for process in processes] == [""] * 4
    with opened(path) as store:
        assert len(values_of(store, KEY) or {}) == 4


def test_the_end_of_a_session_is_on_the_disk(
    store: SQLiteSessionStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.begin(KEY, {}, LONG)
    store.begin(OTHER, {}, LONG, "owner")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.fstat(file.fileno()).st_ino))
    log = Path(f"{path}-wal").stat().st_ino
    store.merge(KEY, {"a": b"1"}, [], LONG)
    assert synced == []
    store.end(KEY)
    assert synced == [log]
    store.end_all("owner")
    assert synced == [log, log]


@pytest.mark.costly
def test_a_full_disk_is_an_error_until_there_is_space(path: Path) -> None:
    code = """
        import resource
        store.begin(b'first', {'a': b'1'}, LONG, 'owner')
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        kept = errors = 0
        for number in range(100):
            try: store.begin(b'%d' % number, {'a': b'x' * 20_000}, LONG); kept += 1
            except StoreError: errors += 1
        assert kept and errors, (kept, errors)
        assert values_of(store, b'first') == {'a': b'1'}
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        store.begin(b'last', {'a': b'x' * 20_000}, LONG)
        assert values_of(store, b'last')
        assert store.end_all('owner') == 1
        assert store.load(b'first', LONG) is None
        store.close()
    """
    in_process(code, path)
    with database(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# -- forks and greenlets


@pytest.mark.parametrize("fork", ["os.fork()", "__import__('ctypes').PyDLL(None).fork()"])
def test_nothing_is_lost_by_a_fork(path: Path, fork: str) -> None:
    code = f"""
        store.begin(b'key', {{'a': b'1'}}, LONG)
        pid = {fork}
        if pid == 0:
            for number in range(50):
                assert store.merge(b'key', {{f'child {{number}}': b'1'}}, [], LONG)
            store.close()
            os._exit(0)
        for number in range(50):
            assert store.merge(b'key', {{f'parent {{number}}': b'1'}}, [], LONG)
        assert os.waitpid(pid, 0)[1] == 0
        print(len(values_of(store, b'key')))
    """
    assert in_process(code, path) == "101\n"
    with database(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_greenlets_lose_nothing(path: Path) -> None:
    pytest.importorskip("gevent")
    code = f"""
        from gevent import monkey; monkey.patch_all()
        import gevent
        from pathlib import Path
        from apiroutes.stores.session_sqlite import SQLiteSessionStore
        from tests.stores.session_kinds import LONG, values_of
        store = SQLiteSessionStore(Path({str(path)!r}))
        store.begin(b'key', {{}}, LONG)
        def merge(greenlet):
            for number in range(20):
                assert store.merge(b'key', {{f'{{greenlet}} {{number}}': b'1'}}, [], LONG)
                gevent.sleep(0)
        gevent.joinall([gevent.spawn(merge, number) for number in range(10)], raise_error=True)
        print(len(values_of(store, b'key')))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("200\n", "")
