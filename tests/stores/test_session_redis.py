"""What only the store of sessions in Redis has: a server that fails, forgets, or has something else there."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import redis as client

from apiroutes.stores.session_redis import RedisSessionStore
from apiroutes.stores.session_store import Lifetime, SessionStore
from apiroutes.stores.store import StoreError
from tests.redis_server import RedisServer, redis_server
from tests.stores.bad_servers import NONSENSE, Proxy, proxy, replying, serving
from tests.stores.kinds import eventually, free_port
from tests.stores.session_kinds import LONG, values_of

KEY, OTHER, NEW = b"key", b"other", b"new"
CALLS: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: store.load(KEY, LONG),
    "begin": lambda store: store.begin(OTHER, {"a": b"1"}, LONG, "owner"),
    "merge": lambda store: store.merge(KEY, {"a": b"1"}, ["b"], LONG),
    "rename": lambda store: store.rename(KEY, NEW, "owner", LONG),
    "end": lambda store: store.end(KEY),
    "end_all": lambda store: store.end_all("owner"),
}
# 0.25 s, and what a machine with much to do may add.
IN_TIME = 1.5


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that the test may stop."""
    with redis_server() as server:
        yield server


@pytest.fixture
def store(own_redis: RedisServer) -> Iterator[RedisSessionStore]:
    yield from opened(own_redis.url)


@pytest.fixture
def raw(own_redis: RedisServer, store: RedisSessionStore) -> Iterator[client.Redis]:
    """The server, with a session of an owner."""
    store.begin(KEY, {"a": b"1"}, LONG, "owner")
    with client.Redis(port=own_redis.port) as raw:
        yield raw


def opened(url: str) -> Iterator[RedisSessionStore]:
    store = RedisSessionStore(url, prefix="test")
    yield store
    store.close()


def fails_in_time(store: SessionStore, call: str) -> StoreError:
    began = time.monotonic()
    with pytest.raises(StoreError) as raised:
        CALLS[call](store)
    assert time.monotonic() - began < IN_TIME
    return raised.value


def works(store: SessionStore) -> bool:
    try:
        store.begin(b"works", {"a": b"1"}, LONG, "works")
        assert store.merge(b"works", {"b": b"2"}, [], LONG)
        assert values_of(store, b"works") == {"a": b"1", "b": b"2"}
        assert store.end_all("works") == 1
    except StoreError:
        return False
    assert store.load(b"works", LONG) is None
    return True


def names_in(raw: client.Redis) -> list[bytes]:
    names: Any = raw.keys("*")
    return list(names)


def indexes_in(raw: client.Redis) -> list[bytes]:
    return [name for name in names_in(raw) if name.startswith(b"test:owned:")]


# -- a server that does not answer


@pytest.mark.parametrize("has_connection", [True, False])
def test_a_frozen_server_is_a_store_error_soon(
    own_redis: RedisServer, store: RedisSessionStore, has_connection: bool
) -> None:
    if has_connection:
        store.begin(KEY, {}, LONG)
    own_redis.freeze()
    for call in CALLS:
        fails_in_time(store, call)
    own_redis.thaw()
    eventually(lambda: works(store))


def test_a_server_that_is_gone_is_a_store_error_until_it_is_back(
    own_redis: RedisServer, store: RedisSessionStore
) -> None:
    store.begin(KEY, {}, LONG)
    own_redis.kill()
    for call in CALLS:
        fails_in_time(store, call)
    own_redis.start()
    assert works(store)
    assert store.load(KEY, LONG) is None


def is_there(store: Any, key: bytes) -> bool:
    """Whether a session can be loaded, which a server that has just begun may take longer for."""
    with contextlib.suppress(StoreError):
        return store.load(key, LONG) is not None
    return False


def test_a_server_that_writes_down_all_keeps_sessions_and_their_ends(tmp_path: Any) -> None:
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        for store in opened(server.patient_url):
            store.begin(KEY, {"a": b"1"}, LONG, "owner")
            store.begin(OTHER, {}, LONG, "owner")
            store.end(OTHER)
            store.begin(NEW, {}, LONG, "another")
            store.end_all("another")
            server.kill()
            server.start()
            eventually(partial(is_there, store, KEY))
            assert values_of(store, KEY) == {"a": b"1"}
            assert store.load(OTHER, LONG) is None
            assert store.load(NEW, LONG) is None
            assert store.end_all("owner") == 1


def test_nobody_listens_is_a_store_error_without_the_password() -> None:
    for store in opened(f"redis://user:s3cret@127.0.0.1:{free_port()}/0"):
        for call in CALLS:
            assert "s3cret" not in str(fails_in_time(store, call))


def test_connections_that_the_server_has_closed_are_no_failure(
    raw: client.Redis, store: RedisSessionStore
) -> None:
    for _ in range(3):
        raw.client_kill_filter(_type="normal", skipme=True)
        assert values_of(store, KEY) == {"a": b"1"}


def test_a_server_that_has_forgotten_the_scripts_gets_them_again(
    raw: client.Redis, store: RedisSessionStore
) -> None:
    raw.script_flush()
    assert values_of(store, KEY) == {"a": b"1"}
    assert works(store)


@pytest.mark.costly
@pytest.mark.parametrize(("delay", "pace"), [(3, 65536), (0.15, 1)])
def test_a_slow_server_is_a_store_error_soon(own_redis: RedisServer, delay: float, pace: int) -> None:
    """Also if it is never silent for long."""
    with proxy(own_redis.port) as (between, port):
        for store in opened(f"redis://127.0.0.1:{port}"):
            store.begin(KEY, {"a": b"1"}, LONG)
            between.delay, between.pace = delay, pace
            for call in CALLS:
                fails_in_time(store, call)


def test_a_late_reply_is_nobodys(own_redis: RedisServer) -> None:
    with proxy(own_redis.port) as (between, port):
        assert isinstance(between, Proxy)
        for store in opened(f"redis://127.0.0.1:{port}"):
            store.begin(KEY, {"a": b"1"}, LONG)
            store.begin(OTHER, {"a": b"2"}, LONG)
            between.delay = 0.4
            fails_in_time(store, "load")
            between.delay = 0.0
            for _ in range(20):
                assert values_of(store, OTHER) == {"a": b"2"}
                assert values_of(store, KEY) == {"a": b"1"}


# -- a server that sent an unexpected reply

# What an operation could be told by a Redis.
POSSIBLE = {("number", "merge"), ("number", "rename"), ("number", "end"), ("number", "end_all")}


@pytest.mark.costly
@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_from_what_seemed_a_redis_is_a_store_error(kind: str) -> None:
    with replying(NONSENSE[kind], first=b"$0\r\n\r\n") as port:
        for store in opened(f"redis://127.0.0.1:{port}"):
            for call in CALLS:
                if (kind, call) in POSSIBLE:
                    continue
                fails_in_time(store, call)


ODD = {
    "a name": b"*4\r\n$5\r\nbegun\r\n$1\r\n7\r\n$2\r\n=\xff\r\n$1\r\n1\r\n",
    "a beginning": b"*2\r\n$5\r\nbegun\r\n$2\r\n-7\r\n",
    "no beginning": b"*2\r\n$2\r\n=a\r\n$1\r\n1\r\n",
    "a field without content": b"*1\r\n$5\r\nbegun\r\n",
}


@pytest.mark.parametrize("odd", ODD)
def test_a_session_that_is_nonsense_is_a_store_error(odd: str) -> None:
    with replying(ODD[odd], first=b"$0\r\n\r\n") as port:
        for store in opened(f"redis://127.0.0.1:{port}"):
            fails_in_time(store, "load")


def test_a_server_that_hangs_up_is_a_store_error() -> None:
    with serving(lambda connection: None) as port:
        for store in opened(f"redis://127.0.0.1:{port}"):
            for call in CALLS:
                fails_in_time(store, call)


# -- a server whose memory is full


def test_a_full_server_keeps_what_it_has_and_ends_what_it_is_told_to(
    raw: client.Redis, store: RedisSessionStore
) -> None:
    idle = Lifetime(3600, 0.5)
    store.begin(OTHER, {"a": b"2"}, idle, "another")
    raw.config_set("maxmemory-policy", "noeviction")
    raw.config_set("maxmemory", "1")
    time.sleep(0.3)  # its use would be noted now
    assert values_of(store, OTHER, idle) == {"a": b"2"}
    for act in (
        lambda: store.begin(NEW, {}, LONG),
        lambda: store.merge(KEY, {"a": b"3"}, [], LONG),
        lambda: store.merge(KEY, {}, ["a"], LONG),
        lambda: store.rename(KEY, NEW, "another", LONG),
    ):
        with pytest.raises(StoreError):
            act()
    assert values_of(store, KEY) == {"a": b"1"}
    assert store.load(NEW, LONG) is None
    store.end(KEY)
    assert store.load(KEY, LONG) is None
    assert store.end_all("another") == 1
    raw.config_set("maxmemory", "0")
    assert works(store)


def test_an_evicted_index_of_an_owner_ends_the_owners_sessions(
    raw: client.Redis, store: RedisSessionStore
) -> None:
    """Otherwise they would outlive an end of all."""
    store.begin(OTHER, {}, LONG, "another")
    (index,) = [name for name in indexes_in(raw) if raw.zscore(name, KEY) is not None]
    raw.delete(index)
    assert store.load(KEY, LONG) is None
    assert not store.merge(KEY, {"a": b"2"}, [], LONG)
    assert not store.rename(KEY, NEW, "another", LONG)
    assert store.end_all("owner") == 0
    store.begin(NEW, {}, LONG, "owner")
    assert store.load(KEY, LONG) is None
    assert store.load(NEW, LONG) is not None
    assert store.load(OTHER, LONG) is not None


def test_an_evicted_session_is_gone_and_is_ended_with_the_rest(
    raw: client.Redis, store: RedisSessionStore
) -> None:
    raw.delete(b"test:session:" + KEY)
    assert store.load(KEY, LONG) is None
    store.begin(OTHER, {}, LONG, "owner")
    store.end_all("owner")
    assert names_in(raw) == []


# -- nothing is left behind


@pytest.mark.parametrize("end", ["end", "end_all", "time", "another owner"])
def test_nothing_is_left_of_a_session_that_has_ended(
    raw: client.Redis, store: RedisSessionStore, end: str
) -> None:
    short = Lifetime(0.05)
    for number in range(5):
        store.begin(b"%d" % number, {"a": b"1"}, short if end == "time" else LONG, "x")
    if end == "end":
        for number in range(5):
            store.end(b"%d" % number)
    elif end == "end_all":
        store.end_all("x")
    elif end == "another owner":
        for number in range(5):
            store.rename(b"%d" % number, b"renamed %d" % number, "y", LONG)
        store.end_all("y")
    store.end(KEY)
    eventually(lambda: names_in(raw) == [])


def test_the_index_of_an_owner_has_no_sessions_that_have_ended(
    raw: client.Redis, store: RedisSessionStore
) -> None:
    """Someone who signs in again and again does not make it grow."""
    store.end(KEY)
    for number in range(30):
        store.begin(b"%d" % number, {}, Lifetime(3600, 0.02), "x")
    eventually(lambda: names_in(raw) == indexes_in(raw))
    store.begin(b"last", {}, LONG, "x")
    (index,) = indexes_in(raw)
    assert raw.zrange(index, 0, -1) == [b"last"]


def test_the_index_of_an_owner_lasts_as_long_as_the_last_session(
    raw: client.Redis, store: RedisSessionStore
) -> None:
    for lifetime in [Lifetime(3600), Lifetime(60), Lifetime(3600, 10)]:
        store.begin(OTHER, {}, lifetime, "x")
        store.begin(NEW, {}, Lifetime(7200), "x")
    store.end(KEY)
    (index,) = indexes_in(raw)
    assert raw.ttl(index) == pytest.approx(7200, abs=20)


def test_more_sessions_than_are_removed_at_once_end_with_the_rest(
    raw: client.Redis, store: RedisSessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apiroutes.stores.session_redis._MOST_REMOVED", 3)
    for number in range(10):
        store.begin(b"%d" % number, {}, LONG, "x")
    assert store.end_all("x") == 10
    store.begin(NEW, {}, LONG, "x")
    for number in range(10):
        assert store.load(b"%d" % number, LONG) is None
        assert not store.merge(b"%d" % number, {"a": b"1"}, [], LONG)
    assert all(raw.pttl(name) > 0 for name in names_in(raw))


# -- notes of use


@pytest.mark.parametrize(("idle", "is_noted"), [(None, False), (30.0, False), (0.2, True)])
def test_a_read_writes_only_what_has_to_be_noted(
    raw: client.Redis, store: RedisSessionStore, idle: float | None, is_noted: bool
) -> None:
    lifetime = Lifetime(3600, idle)
    store.begin(OTHER, {"a": b"1"}, lifetime, "x")
    before = raw.hgetall(b"test:session:" + OTHER)
    time.sleep(0.11)
    assert store.load(OTHER, lifetime) is not None
    assert (raw.hgetall(b"test:session:" + OTHER) != before) == is_noted


# -- something else under the keys


@pytest.mark.parametrize("call", CALLS)
def test_something_else_under_the_keys_is_removed(
    raw: client.Redis, store: RedisSessionStore, call: str
) -> None:
    for name in names_in(raw):
        raw.delete(name)
        raw.set(name, "something else")
    with contextlib.suppress(StoreError):
        CALLS[call](store)
    assert store.load(KEY, LONG) is None
    assert store.end_all("owner") == int(call == "begin")
    assert works(store)


@pytest.mark.parametrize("field", ["begun", "used", "whole_end", "end", "size"])
@pytest.mark.parametrize("content", [b"", b"x", None])
def test_a_damaged_session_is_none(
    raw: client.Redis, store: RedisSessionStore, field: str, content: bytes | None
) -> None:
    if content is None:
        raw.hdel(b"test:session:" + KEY, field)
    else:
        raw.hset(b"test:session:" + KEY, field, content)
    assert store.load(KEY, LONG) is None
    assert not store.merge(KEY, {"a": b"2"}, [], LONG)
    assert not store.rename(KEY, NEW, None, LONG)
    store.end(KEY)
    assert names_in(raw) == []


# -- forks and greenlets


def test_a_fork_has_connections_of_its_own(store: RedisSessionStore) -> None:
    store.begin(KEY, {}, LONG)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for number in range(200):
                assert store.merge(KEY, {f"child {number}": b"1"}, [], LONG)
            store.close()
            status = 0
        finally:
            os._exit(status)
    for number in range(200):
        assert store.merge(KEY, {f"parent {number}": b"1"}, [], LONG)
    assert os.waitpid(child, 0)[1] == 0
    assert len(values_of(store, KEY) or {}) == 400


def test_greenlets_lose_nothing(own_redis: RedisServer) -> None:
    pytest.importorskip("gevent")
    code = """
        from gevent import monkey; monkey.patch_all()
        import sys
        import gevent
        from apiroutes.stores.session_redis import RedisSessionStore
        from tests.stores.session_kinds import LONG, values_of
        store = RedisSessionStore(sys.argv[1], prefix="test")
        store.begin(b'key', {}, LONG)
        def merge(greenlet):
            for number in range(20):
                assert store.merge(b'key', {f'{greenlet} {number}': b'1'}, [], LONG)
        gevent.joinall([gevent.spawn(merge, number) for number in range(10)], raise_error=True)
        print(len(values_of(store, b'key')))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), own_redis.patient_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("200\n", "")
