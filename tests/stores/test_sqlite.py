"""What only the store in SQLite's file has: files, processes that share them, and their faults."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from apiroutes.stores.sqlite import SQLiteStore, why_unwritable
from apiroutes.stores.store import StoreError
from tests.stores.kinds import content_of, entry, eventually, put

KEY = b"key"
NAMES = ("path:/a",)
WRITES: dict[str, Callable[[SQLiteStore], object]] = {
    "put": lambda store: store.put(KEY, entry(), store.begin(KEY)),
    "lease": lambda store: store.lease(KEY, NAMES, 10),
    "bump": lambda store: store.bump("tag:a", "expire"),
    "clear": lambda store: store.clear(),
    "remove": lambda store: store.remove(KEY),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory" / "cache.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with opened(path) as store:
        yield store


@contextmanager
def opened(path: Path) -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(path, max_entries=1000, max_size=10_000_000)) as store:
        yield store


@contextmanager
def database(path: Path) -> Iterator[sqlite3.Connection]:
    """The database as another application opens it; its transactions are explicit."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def in_process(code: str, path: Path) -> str:
    """Run code in a process that has a `store`; return what it printed."""
    start = (
        "import os, sys, threading\nfrom pathlib import Path\n"
        "from apiroutes.stores.sqlite import SQLiteStore\nfrom apiroutes.stores.store import StoreError\n"
        "from tests.stores.kinds import content_of, entry, put\n"
        f"path = Path({str(path)!r})\nstore = SQLiteStore(path, max_entries=1000, max_size=10_000_000)\n"
    )
    command = [sys.executable, "-c", start + code]
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
            put(store, KEY)
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes.pop(".gitignore")
    assert modes == dict.fromkeys(["cache.db", "cache.db-wal", "cache.db-shm", "cache.db-generation"], 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_git_leaves_out_a_directory_that_the_store_makes(store: SQLiteStore, path: Path) -> None:
    put(store, KEY)
    assert (path.parent / ".gitignore").read_text("ascii") == "*\n"


def test_git_goes_on_to_see_a_directory_that_was_there(path: Path) -> None:
    path.parent.mkdir()
    with opened(path) as store:
        put(store, KEY)
    assert not (path.parent / ".gitignore").exists()


@pytest.mark.parametrize("name", ["a b.db", "a%20b?.db", "ü#.db", "cache"])
def test_a_file_has_any_name(tmp_path: Path, name: str) -> None:
    with opened(tmp_path / name) as store:
        put(store, KEY)
    assert (tmp_path / name).is_file()


# -- what is damaged


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def set_version(path: Path, version: int) -> None:
    with database(path) as connection:
        connection.execute(f"PRAGMA user_version = {version}")


def run(path: Path, statement: str) -> None:
    with database(path) as connection:
        connection.execute(statement)


FLAWS: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(b"garbage" * 1000),
    "a short text": lambda path: path.write_text("hello\n"),
    "another header": lambda path: overwrite(path, 0, b"x" * 100),
    "truncated": lambda path: os.truncate(path, path.stat().st_size // 2),
    "pages of garbage": lambda path: overwrite(path, 4096, b"\xff" * (path.stat().st_size - 4096)),
    "a later version": lambda path: set_version(path, 2),
    "no version": lambda path: set_version(path, 0),
    "without a table": lambda path: run(path, "DROP TABLE entries"),
    "without its state": lambda path: run(path, "DELETE FROM state"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_what_cannot_be_used_is_moved_aside(path: Path, caplog: pytest.LogCaptureFixture, flaw: str) -> None:
    with opened(path) as store:
        put(store, KEY)
        lease = store.begin(KEY)
        generation = store.generation()
    FLAWS[flaw](path)
    damaged = path.read_bytes()
    with opened(path) as store:
        assert store.get(KEY) is None
        assert store.generation() != generation
        assert not store.put(KEY, entry(), lease)
        put(store, KEY, b"new")
        assert content_of(store, KEY) == b"new"
        store.bump("path:/a", "expire")
        assert store.get(KEY) is None
    (warning,) = warnings(caplog)
    assert str(path) in warning
    assert "cache.db.aside-1" in warning
    assert path.with_name("cache.db.aside-1").read_bytes() == damaged


@pytest.mark.parametrize("flaw", ["pages of garbage", "without a table"])
def test_what_is_damaged_while_it_is_open_is_moved_aside(
    store: SQLiteStore, path: Path, caplog: pytest.LogCaptureFixture, flaw: str
) -> None:
    put(store, KEY)
    run(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(20):
        put(store, b"%d" % number, b"x" * 10_000)
    run(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    FLAWS[flaw](path)
    store.bump("tag:a", "expire")  # which does not fail: what was made before is served no more
    assert store.get(KEY) is None
    put(store, KEY)
    assert content_of(store, KEY) == b"content"
    assert len(warnings(caplog)) == 1


def test_other_processes_find_what_was_made_anew_at_once(path: Path) -> None:
    with opened(path) as store, opened(path) as other:
        put(other, KEY, b"old")
        run(path, "DROP TABLE leases")
        assert store.lease(KEY, NAMES, 10)
        assert other.get(KEY) is None
        put(store, KEY, b"new")
        assert content_of(other, KEY) == b"new"


def test_few_databases_are_kept_aside(path: Path) -> None:
    for _ in range(6):
        with opened(path) as store:
            put(store, KEY)
        path.write_bytes(b"garbage")
    with opened(path) as store:
        put(store, KEY)
    aside = sorted(file.name for file in path.parent.glob("*aside*"))
    assert aside == ["cache.db.aside-4", "cache.db.aside-5", "cache.db.aside-6"]


@pytest.mark.parametrize("name", ["cache.db.aside-x", "cache.db.aside-", "7", "other.aside-9"])
def test_other_files_are_left_alone(path: Path, name: str) -> None:
    path.parent.mkdir()
    (path.parent / name).write_text("other")
    path.write_bytes(b"garbage")
    with opened(path) as store:
        put(store, KEY)
    assert (path.parent / name).read_text() == "other"
    assert (path.parent / "cache.db.aside-1").exists()


@pytest.mark.parametrize("application", [0, 42])
def test_the_database_of_another_application_is_left_alone(path: Path, application: int) -> None:
    path.parent.mkdir()
    with database(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.execute(f"PRAGMA application_id = {application}")
    before = path.read_bytes()
    with opened(path) as store, pytest.raises(StoreError, match="another application; set `cache_path`"):
        store.get(KEY)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", None])
def test_an_empty_file_is_no_damage(
    path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    with opened(path) as store:
        put(store, KEY)
    assert warnings(caplog) == []


def test_what_was_stored_before_the_machine_was_started_is_gone(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The seconds of its clock began anew."""
    with opened(path) as store:
        put(store, KEY)
        lease = store.begin(KEY)
    run(path, "UPDATE state SET boot = 'another one'")
    with opened(path) as store:
        assert store.get(KEY) is None
        assert not store.put(KEY, entry(), lease)
    assert warnings(caplog) == []


ENTRY_FLAWS = {
    "a bit": "UPDATE entries SET entry = CAST(substr(entry, 1, 20) || x'01' || substr(entry, 22) AS BLOB)"
    " WHERE key = x'6b6579'",
    "the version": "UPDATE entries SET entry = CAST(x'02' || substr(entry, 2) AS BLOB) WHERE key = x'6b6579'",
    "the end": "UPDATE entries SET entry = substr(entry, 1, length(entry) - 1) WHERE key = x'6b6579'",
    "everything": "UPDATE entries SET entry = x'' WHERE key = x'6b6579'",
    "the type": "UPDATE entries SET entry = 'text' WHERE key = x'6b6579'",
    "that of another": "UPDATE entries SET entry = (SELECT entry FROM entries WHERE key = x'6f74686572')",
}


@pytest.mark.parametrize("flaw", ENTRY_FLAWS)
def test_an_entry_that_is_damaged_is_a_miss_and_removed(store: SQLiteStore, path: Path, flaw: str) -> None:
    put(store, KEY, b"x" * 100)
    put(store, b"other", b"y" * 100)
    with database(path) as connection:
        assert connection.execute(ENTRY_FLAWS[flaw]).rowcount
    assert store.get(KEY) is None
    assert content_of(store, b"other") == b"y" * 100
    assert store.stats()["entries"] == 1


# -- what is gone


def test_what_was_deleted_is_made_again(store: SQLiteStore, path: Path) -> None:
    put(store, KEY)
    shutil.rmtree(path.parent)
    eventually(lambda: store.get(KEY) is None)
    put(store, KEY, b"new")
    assert content_of(store, KEY) == b"new"
    with opened(path) as other:
        assert content_of(other, KEY) == b"new"


def test_what_was_replaced_is_opened_again(store: SQLiteStore, path: Path, tmp_path: Path) -> None:
    put(store, KEY, b"old")
    with opened(tmp_path / "other.db") as other:
        put(other, KEY, b"new")
    os.replace(tmp_path / "other.db", path)
    eventually(lambda: content_of(store, KEY) == b"new")


def test_a_revalidation_reaches_those_that_have_a_deleted_file_open(store: SQLiteStore, path: Path) -> None:
    put(store, KEY, b"old")
    path.unlink()
    with opened(path) as other:
        put(other, KEY, b"new")
        other.bump("tag:a", "expire")
        assert content_of(store, KEY) == b"new"


def test_a_revalidation_reaches_those_that_have_a_deleted_generation_open(
    store: SQLiteStore, path: Path
) -> None:
    with opened(path) as other:
        put(store, KEY)
        put(other, KEY)
        generation = other.generation()
        path.with_name("cache.db-generation").unlink()
        for name in ("path:/b", "path:/a"):
            store.bump(name, "expire")
            assert other.generation() != generation
            generation = other.generation()
            other.get(KEY)
        assert other.get(KEY) is None
        assert other.generation() == store.generation()


def test_a_revalidation_is_not_written_into_a_deleted_file(store: SQLiteStore, path: Path) -> None:
    put(store, KEY, b"old")
    path.unlink()
    store.bump("path:/a", "expire")
    with opened(path) as other:
        assert other.stats()["revalidations"] == 1


def test_closing_a_deleted_file_takes_nothing_from_the_new_one(path: Path) -> None:
    """SQLite removes the log of a database, by its name, when the last connection is closed."""
    with opened(path) as first:
        put(first, b"old")
        path.unlink()
        with opened(path) as store:
            put(store, KEY, b"new")
            first.close()
            put(store, b"other", b"new")
            assert in_process("print(content_of(store, b'key'), content_of(store, b'other'))", path) == (
                "b'new' b'new'\n"
            )


# -- what cannot be used


def test_a_path_below_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "cache.db"
    with opened(path) as store, pytest.raises(StoreError, match="file is not a directory"):
        store.get(KEY)


def test_a_directory_in_the_place_of_the_file_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)
    with opened(path) as store, pytest.raises(StoreError, match=r"cache\.db is not a file"):
        store.get(KEY)


def test_without_a_file_there_is_no_generation(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with opened(tmp_path / "file" / "cache.db") as store:
        assert store.generation() is None


@pytest.mark.parametrize("made", ["directory", "file"])
def test_what_is_not_writable_is_an_error(made: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "cache.db"
        if made == "file":
            put_in = SQLiteStore(path, max_entries=10, max_size=10_000)
            put(put_in, KEY)
            put_in.close()
        os.chmod(directory, 0o555)
        code = (
            "if os.getuid() == 0: os.setgid(65534), os.setuid(65534)\n"
            "from apiroutes.stores.sqlite import why_unwritable\n"
            "try:\n    store.get(b'key')\nexcept StoreError as error:\n    print(error)\n"
            "print(why_unwritable(path))"
        )
        if os.getuid() != 0 and made == "file":
            path.chmod(0o444)
        error, reason, *_ = in_process(code, path).splitlines()
        os.chmod(directory, 0o755)
    assert error == f"the cache cannot be opened: {reason}"
    assert (
        reason
        == f"the {made} {path if made == 'file' else directory} is not writable for the user of this process"
    )


def test_a_path_that_can_be_used_has_no_reason_against_it(path: Path) -> None:
    assert why_unwritable(path) is None
    assert not path.parent.exists()
    with opened(path) as store:
        put(store, KEY)
    assert why_unwritable(path) is None


@pytest.mark.parametrize("write", WRITES)
def test_what_needs_a_locked_database_is_an_error(store: SQLiteStore, path: Path, write: str) -> None:
    put(store, KEY)
    with database(path) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            WRITES[write](store)
        assert content_of(store, KEY) == b"content"
        connection.execute("ROLLBACK")
    WRITES[write](store)


@pytest.mark.costly
def test_threads_that_wait_for_a_locked_database_let_others_read(path: Path) -> None:
    code = (
        "import sqlite3\n"
        "put(store, b'key')\n"
        "other = sqlite3.connect(path, isolation_level=None)\n"
        "other.execute('BEGIN IMMEDIATE')\n"
        "errors = []\n"
        "def write():\n"
        "    for _ in range(3):\n"
        "        try: put(store, b'other')\n"
        "        except StoreError as error: errors.append(error)\n"
        "threads = [threading.Thread(target=write) for _ in range(20)]\n"
        "for thread in threads: thread.start()\n"
        "while any(thread.is_alive() for thread in threads):\n"
        "    assert content_of(store, b'key') == b'content'\n"
        "assert len(errors) == 60\n"
    )
    in_process(code, path)


def test_a_lease_that_could_not_be_given_back_is_given_back_later(path: Path) -> None:
    with opened(path) as store, opened(path) as other:
        lease = store.lease(KEY, NAMES, 3600)
        assert lease is not None
        with database(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError):
                store.release(lease)
            connection.execute("ROLLBACK")
        assert other.lease(KEY, NAMES, 3600) is None
        put(store, b"other")
        assert other.lease(KEY, NAMES, 3600) is not None


@pytest.mark.costly
def test_a_full_disk_is_an_error_until_there_is_space(path: Path) -> None:
    code = (
        "import resource\n"
        "put(store, b'first')\n"
        "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))\n"
        "kept = errors = 0\n"
        "for number in range(100):\n"
        "    try: put(store, b'%d' % number, b'x' * 20_000); kept += 1\n"
        "    except StoreError: errors += 1\n"
        "assert kept and errors, (kept, errors)\n"
        "assert content_of(store, b'first') == b'content'\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "put(store, b'last', b'x' * 20_000)\n"
        "assert content_of(store, b'last') and content_of(store, b'first')\n"
        "store.bump('path:/a', 'expire')\n"
        "assert content_of(store, b'last') is None and content_of(store, b'first') is None\n"
        "store.close()\n"
    )
    in_process(code, path)
    with database(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# -- leases of other processes

OWNERS = {
    "a number that another process has got": ("{pid}:1:{namespace}", True),
    "a number that nobody has": ("4194304:1:{namespace}", True),
    "a process that lives": ("{pid}:{start}:{namespace}", False),
    "a container of its own": ("{pid}:1:1", False),
    "a process without a known start": ("{pid}::{namespace}", False),
    "an ended one without a known start": ("4194304::{namespace}", True),
}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
@pytest.mark.parametrize("owner", OWNERS)
def test_a_lease_ends_with_its_owner(store: SQLiteStore, path: Path, owner: str) -> None:
    assert store.lease(KEY, NAMES, 3600)
    with database(path) as connection:
        ((name,),) = connection.execute("SELECT owner FROM leases").fetchall()
        pid, start, namespace = name.split(":")
        name, has_ended = OWNERS[owner]
        name = name.format(pid=os.getppid(), start=start_of(os.getppid()), namespace=namespace)
        connection.execute("UPDATE leases SET owner = ?", (name,))
    assert pid == str(os.getpid())
    assert start == start_of(os.getpid())
    assert (store.lease(KEY, NAMES, 3600) is not None) == has_ended


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
@pytest.mark.parametrize(("owner", "has_ended"), [("{pid}:{start}:{namespace}", False), ("1:1:1", True)])
def test_the_time_of_a_lease_counts_where_nobody_knows_whether_its_owner_lives(
    store: SQLiteStore, path: Path, owner: str, has_ended: bool
) -> None:
    assert store.lease(KEY, NAMES, 0)
    with database(path) as connection:
        ((name,),) = connection.execute("SELECT owner FROM leases").fetchall()
        pid, start, namespace = name.split(":")
        name = owner.format(pid=pid, start=start, namespace=namespace)
        connection.execute("UPDATE leases SET owner = ?", (name,))
    assert (store.lease(KEY, NAMES, 3600) is not None) == has_ended


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_a_lease_of_a_process_that_nobody_has_waited_for_has_ended(store: SQLiteStore, path: Path) -> None:
    code = f"from tests.stores.test_sqlite import *\nwith opened(Path({str(path)!r})) as store:\n"
    code += "    assert store.lease(KEY, NAMES, 3600)\n    print(flush=True)\n    os.kill(os.getpid(), 9)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.read() == b"\n"  # up to its end
    eventually(lambda: store.lease(KEY, NAMES, 3600) is not None)
    process.wait()


def start_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[19]


# -- forks, threads, greenlets

CHILD = (
    "put(store, b'parent')\n"
    "read, write = os.pipe()\n"
    "read_back, write_back = os.pipe()\n"
    "{fork}\n"
    "if pid == 0:\n"
    "    assert content_of(store, b'parent') == b'content'\n"
    "    put(store, b'child 1')\n"
    "    os.write(write, b'x')\n"
    "    os.read(read_back, 1)\n"  # the parent has closed its connections, as the last one that it knows of
    "    put(store, b'child 2')\n"
    "    store.bump('tag:a', 'expire')\n"
    "    store.close()\n"
    "    os._exit(0)\n"
    "os.read(read, 1)\n"
    "put(store, b'parent 2')\n"
    "store.close()\n"
    "os.write(write_back, b'x')\n"
    "assert os.waitpid(pid, 0)[1] == 0\n"
    "keys = [b'parent', b'child 1', b'child 2', b'parent 2']\n"
    "print([content_of(store, key) for key in keys].count(b'content'))\n"
    "print(store.stats()['revalidations'])\n"
    "store.close()\n"
)
FORKS = {
    "Python's": "pid = os.fork()",
    # As servers do that are written in C.
    "another": "import ctypes\npid = ctypes.PyDLL(None).fork()",
}


@pytest.mark.parametrize("fork", FORKS)
def test_nothing_is_lost_by_a_fork(path: Path, fork: str) -> None:
    assert in_process(CHILD.format(fork=FORKS[fork]), path) == "4\n1\n"
    with database(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.costly
def test_nothing_is_lost_by_forks_while_threads_use_the_store(path: Path) -> None:
    code = (
        "is_done = False\n"
        "errors = []\n"
        "def work(name):\n"
        "    number = 0\n"
        "    while not is_done:\n"
        "        number = (number + 1) % 20\n"
        "        try:\n"
        "            put(store, b'%d %d' % (name, number), b'x' * 1000)\n"
        "            assert content_of(store, b'%d %d' % (name, number)) == b'x' * 1000\n"
        "        except Exception as error:\n"
        "            errors.append(error)\n"
        "threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for number in range(8):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        put(store, b'child %d' % number)\n"
        "        store.close()\n"
        "        os._exit(0)\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "is_done = True\n"
        "for thread in threads: thread.join()\n"
        "assert not errors, errors\n"
        "assert all(content_of(store, b'child %d' % number) for number in range(8))\n"
        "store.close()\n"
    )
    in_process(code, path)
    with database(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.costly
def test_many_threads_write_without_an_error(store: SQLiteStore, path: Path) -> None:
    code = (
        "errors = []\n"
        "def work(name):\n"
        "    try:\n"
        "        for number in range(10):\n"
        "            lease = store.lease(b'%d' % number, ('path:/a',), 10)\n"
        "            put(store, b'%d %d' % (name, number))\n"
        "            if lease: store.release(lease)\n"
        "    except Exception as error: errors.append(error)\n"
        "threads = [threading.Thread(target=work, args=(name,)) for name in range(50)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "assert not errors, errors\n"
        "assert store.stats()['entries'] == 500\n"
        "assert len(os.listdir('/dev/fd')) < 50\n"
    )
    in_process(code, path)


@pytest.mark.costly
def test_many_greenlets_use_a_store(path: Path) -> None:
    pytest.importorskip("gevent")
    code = (
        "errors = []\n"
        "def work(name):\n"
        "    try:\n"
        "        for number in range(10):\n"
        "            lease = store.lease(b'%d' % number, ('path:/a',), 10)\n"
        "            put(store, b'%d %d' % (name, number))\n"
        "            gevent.sleep(0)\n"
        "            assert content_of(store, b'%d %d' % (name, number)) == b'content'\n"
        "            if lease: store.release(lease)\n"
        "    except Exception as error: errors.append(error)\n"
        "import gevent\n"
        "gevent.joinall([gevent.spawn(work, name) for name in range(30)])\n"
        "pool = gevent.get_hub().threadpool\n"
        "for task in [pool.spawn(work, name) for name in range(30, 40)]: task.get()\n"
        "assert not errors, errors\n"
        "assert store.stats()['entries'] == 400\n"
    )
    in_process(f"from gevent import monkey; monkey.patch_all()\n{code}", path)


# -- the clock


def test_setting_the_clock_changes_nothing(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    put(store, KEY, fresh=60)
    for offset in (3600, -7200, 1e9, -1e9):
        with monkeypatch.context() as patch:
            moment = time.time() + offset
            patch.setattr(time, "time", lambda moment=moment: moment)
            found = store.get(KEY)
            assert found is not None
            assert found.age < 30
            with opened(path) as other:
                assert other.get(KEY) is not None
