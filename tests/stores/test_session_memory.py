"""What only the store of sessions in a process's memory has: a bound, and no other process."""

from __future__ import annotations

import os

import pytest

from apiroutes.stores.session_memory import MemorySessionStore
from apiroutes.stores.session_store import Lifetime
from tests.stores.session_kinds import values_of

KB = 1024
DAY = Lifetime(86400.0)


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemorySessionStore:
    """A store with room for three sessions of 100 KB."""
    return MemorySessionStore(max_size=350 * KB, clock=clock)


def fill(store: MemorySessionStore, *keys: str, lifetime: Lifetime = DAY, owner: str | None = None) -> None:
    for key in keys:
        store.begin(key.encode(), {"a": b"x" * 100 * KB}, lifetime, owner)


def kept(store: MemorySessionStore, keys: str) -> str:
    return "".join(key for key in keys if values_of(store, key.encode(), DAY) is not None)


def test_when_it_is_full_the_least_recently_used_session_goes(store: MemorySessionStore) -> None:
    fill(store, "a", "b", "c")
    store.load(b"a", DAY)
    store.merge(b"b", {"b": b"1"}, [], DAY)
    fill(store, "d")
    assert kept(store, "abcd") == "abd"


def test_sessions_that_have_ended_go_first(store: MemorySessionStore, clock: Clock) -> None:
    fill(store, "a")
    fill(store, "b", lifetime=Lifetime(10))
    fill(store, "c")
    clock.time += 10
    fill(store, "d")
    assert kept(store, "abcd") == "acd"


def test_a_session_that_grows_makes_others_go(store: MemorySessionStore) -> None:
    fill(store, "a", "b", "c")
    assert store.merge(b"a", {"b": b"x" * 100 * KB}, [], DAY)
    assert kept(store, "abc") == "ac"


def test_what_has_ended_or_shrunk_leaves_room(store: MemorySessionStore) -> None:
    fill(store, "a", "b", "c")
    store.end(b"a")
    fill(store, "d")
    store.merge(b"b", {}, ["a"], DAY)
    fill(store, "e", owner="owner")
    store.end_all("owner")
    fill(store, "f")
    store.rename(b"f", b"g", "owner", DAY)
    assert kept(store, "abcdefg") == "bcdg"


def test_a_session_larger_than_the_store_is_kept_alone(store: MemorySessionStore) -> None:
    fill(store, "a", "b")
    store.begin(b"c", {"a": b"x" * 400 * KB}, DAY)
    assert kept(store, "abc") == "c"


def test_one_record_says_that_it_is_full(store: MemorySessionStore, caplog: pytest.LogCaptureFixture) -> None:
    fill(store, "a", "b", "c")
    assert caplog.records == []
    fill(store, "d", "e", "f")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("apiroutes", "WARNING")
    assert "sqlite" in record.getMessage()


def test_nothing_is_said_where_only_ended_ones_go(
    store: MemorySessionStore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        fill(store, "a", "b", "c", lifetime=Lifetime(10))
        clock.time += 10
    assert caplog.records == []


@pytest.mark.parametrize("end", ["time", "end", "end_all", "rename"])
def test_what_has_ended_takes_no_memory(clock: Clock, end: str) -> None:
    tracemalloc = pytest.importorskip("tracemalloc")
    store = MemorySessionStore(clock=clock)

    def work(count: int) -> None:
        for number in range(count):
            store.begin(b"%d" % number, {"a": b"x" * 1000}, Lifetime(10, 5), f"owner {number}")
            if end == "time":
                clock.time += 0.01
            elif end == "end":
                store.end(b"%d" % number)
            elif end == "end_all":
                store.end_all(f"owner {number}")
            else:
                store.rename(b"%d" % number, b"new", None, Lifetime(10, 5))

    work(2000)
    tracemalloc.start()
    work(2000)
    before = tracemalloc.get_traced_memory()[0]
    work(8000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 1_000_000


def test_the_bound_is_that_of_the_memory_about() -> None:
    tracemalloc = pytest.importorskip("tracemalloc")
    tracemalloc.start()
    store = MemorySessionStore(max_size=4_000_000)
    for number in range(5000):
        store.begin(b"%32d" % number, {"user": b'"%d"' % number, "at": b"12"}, Lifetime(10, 5), f"o{number}")
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 2_000_000 < size < 6_000_000


@pytest.mark.parametrize("idle", [10.0, 100.0, 3600.0])
def test_a_session_in_use_lives_on_and_one_that_is_not_ends(clock: Clock, idle: float) -> None:
    store = MemorySessionStore(clock=clock)
    lifetime = Lifetime(86400.0, idle)
    store.begin(b"a", {}, lifetime)
    for _ in range(5):
        clock.time += idle * 0.99
        assert store.load(b"a", lifetime) is not None
    clock.time += idle
    assert store.load(b"a", lifetime) is None


def test_a_fork_has_none_of_its_parents_sessions(store: MemorySessionStore) -> None:
    fill(store, "a")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            fill(store, "b")
            status = 0 if kept(store, "ab") == "b" else 1
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert kept(store, "ab") == "a"
