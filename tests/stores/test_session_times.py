"""The moments of a session: Python and the scripts of Redis count the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
import redis as client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apiroutes.stores import session_scripts
from apiroutes.stores.redis_script import Script
from apiroutes.stores.session_redis import RedisSessionStore
from apiroutes.stores.session_sqlite import SQLiteSessionStore
from apiroutes.stores.session_store import Lifetime, SessionStore
from tests.redis_server import RedisServer

_numbers = count()
# After now, so that the server itself, which has another clock here, removes nothing.
START = int(time.time()) + 30 * 86_400


class Clock:
    """What both stores go by: the one asks for it, the other finds it under a key."""

    def __init__(self, raw: client.Redis) -> None:
        self._raw = raw
        self.time = 0
        self.pass_by(START)

    def __call__(self) -> float:
        return float(self.time)

    def pass_by(self, seconds: int) -> None:
        self.time += seconds
        self._raw.set("clock", self.time)


@pytest.fixture(scope="module")
def clock(redis: RedisServer) -> Iterator[Clock]:
    with client.Redis(port=redis.port) as raw:
        yield Clock(raw)


@pytest.fixture
def stores(
    redis: RedisServer, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[SessionStore]]:
    for name in ["LOAD", "BEGIN", "MERGE", "RENAME", "END_ALL"]:
        text = getattr(session_scripts, name).text
        assert "redis.call('TIME')" in text
        text = text.replace("redis.call('TIME')", "{redis.call('GET', 'clock'), 0}")
        monkeypatch.setattr(session_scripts, name, Script(text))
    with (
        closing(SQLiteSessionStore(tmp_path / "sessions.db", clock=clock)) as sqlite,
        closing(RedisSessionStore(redis.patient_url, prefix="times")) as redis_store,
    ):
        yield [sqlite, redis_store]


# Few and small numbers, so that moments meet.
idles = st.sampled_from([None, 2.0, 4.0, 10.0, 20.0, 40.0])
lifetimes = st.builds(Lifetime, st.sampled_from([10.0, 20.0, 50.0, 1000.0]), idles)
passes = st.sampled_from([1, 1, 1, 2, 2, 3, 4, 5, 8, 10, 20, 30, -1, -3, -10])
acts = st.sampled_from(["load", "load", "load", "merge", "rename", "end_all"])
# A while passes, and something is done, mostly with the lifetime of the beginning.
steps = st.tuples(passes, acts, st.one_of(st.none(), st.none(), lifetimes))


@pytest.mark.costly
@settings(
    deadline=None, max_examples=250, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)
@given(first=lifetimes, work=st.lists(steps, min_size=4, max_size=15))
def test_both_count_the_same(
    stores: list[SessionStore],
    clock: Clock,
    first: Lifetime,
    work: list[tuple[int, str, Lifetime | None]],
) -> None:
    key = b"key %d" % next(_numbers)
    owner = key.decode()
    assert len({store.begin(key, {"a": b"1"}, first, owner) for store in stores}) == 1
    for passed, act, other in work:
        clock.pass_by(passed)
        lifetime = other or first
        if act == "load":
            sessions = [store.load(key, lifetime) for store in stores]
            found: list[object] = [s if s is None else (s.values, s.begun, s.owner) for s in sessions]
        elif act == "merge":
            found = [store.merge(key, {"b": b"2"}, [], lifetime) for store in stores]
        elif act == "rename":
            new_key = b"key %d" % next(_numbers)
            found = [store.rename(key, new_key, None, lifetime) for store in stores]
            key = new_key if found[0] else key
        else:
            found = [store.end_all(owner) for store in stores]
        assert found[0] == found[1], act
