"""A store whose Redis fails: every call ends soon, and the store works again by itself, with nothing old."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis as client

from apiroutes.stores.guard import GuardedStore
from apiroutes.stores.redis import RedisStore
from apiroutes.stores.store import Entry, Lease, Store, StoreError
from tests.redis_server import RedisServer, redis_server
from tests.stores.bad_servers import NONSENSE, Proxy, proxy, replying, serving
from tests.stores.kinds import MB, content_of, entry, eventually, free_port, put

KEY = b"key"
LEASE = Lease(KEY, 0, b"epoch", b"token")
CALLS: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get(KEY),
    "put": lambda store: store.put(KEY, Entry(b"content", ("path:/a",), 60), LEASE),
    "remove": lambda store: store.remove(KEY),
    "begin": lambda store: store.begin(KEY),
    "lease": lambda store: store.lease(b"other", ("path:/a",), 10),
    "release": lambda store: store.release(LEASE, 1),
    "bump": lambda store: store.bump("path:/a", "expire"),
    "clear": lambda store: store.clear(),
    "stats": lambda store: store.stats(),
}
# 0.25 s, and what a machine with much to do may add.
IN_TIME = 1.5


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis that the test may stop."""
    with redis_server() as server:
        yield server


@pytest.fixture
def store(own_redis: RedisServer) -> Iterator[RedisStore]:
    yield from opened(own_redis.url)


def opened(url: str) -> Iterator[RedisStore]:
    store = store_of(url)
    yield store
    store.close()


def store_of(url: str) -> RedisStore:
    return RedisStore(url, prefix="test", max_entries=1000, max_size=64 * MB)


def fails_in_time(store: Store, call: str) -> StoreError:
    began = time.monotonic()
    with pytest.raises(StoreError) as raised:
        CALLS[call](store)
    assert time.monotonic() - began < IN_TIME
    return raised.value


def works(store: Store, key: bytes = b"works") -> bool:
    try:
        put(store, key, b"content", "tag:works")
        assert content_of(store, key) == b"content"
        store.bump("tag:works", "expire")
    except StoreError:
        return False
    assert store.get(key) is None
    return True


def is_unknown(store: Store) -> bool:
    began = time.monotonic()
    generation = store.generation()
    assert time.monotonic() - began < IN_TIME
    return generation is None


# -- a server that does not answer


@pytest.mark.parametrize("has_connection", [True, False])
def test_a_frozen_server_is_a_store_error_soon(
    own_redis: RedisServer, store: RedisStore, has_connection: bool
) -> None:
    if has_connection:
        put(store, KEY)
    own_redis.freeze()
    for call in CALLS:
        fails_in_time(store, call)
    eventually(lambda: is_unknown(store))


def test_a_server_that_goes_on_is_used_again(own_redis: RedisServer, store: RedisStore) -> None:
    put(store, KEY, b"kept")
    put(store, b"removed", b"other")
    for _ in range(3):
        own_redis.freeze()
        fails_in_time(store, "get")
        fails_in_time(store, "stats")
        own_redis.thaw()
        eventually(lambda: works(store))
        assert content_of(store, KEY) == b"kept"  # and no reply to an earlier question


def test_threads_that_wait_for_a_frozen_server_wait_side_by_side(
    own_redis: RedisServer, store: RedisStore
) -> None:
    put(store, KEY)
    own_redis.freeze()
    threads = [threading.Thread(target=fails_in_time, args=(store, "get")) for _ in range(10)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < IN_TIME


def test_a_server_that_accepts_no_connection_is_a_store_error_soon() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        others = [socket.socket() for _ in range(4)]  # they fill the queue
        for other in others:
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", port))
        for query in ("", "?socket_timeout=60&socket_connect_timeout=0.1"):
            fails_in_time(store_of(f"redis://127.0.0.1:{port}{query}"), "get")
        for other in others:
            other.close()


@pytest.mark.parametrize("call", CALLS)
def test_without_a_server_a_call_is_a_store_error(call: str) -> None:
    fails_in_time(store_of(f"redis://127.0.0.1:{free_port()}"), call)


def test_without_a_socket_file_a_call_is_a_store_error() -> None:
    fails_in_time(store_of("unix:///nowhere/redis.sock"), "get")


def test_the_generation_is_unknown_without_a_server() -> None:
    store = store_of(f"redis://127.0.0.1:{free_port()}")
    assert [is_unknown(store) for _ in range(3)] == [True] * 3


def test_a_guarded_store_is_left_alone_while_its_server_is_frozen(
    own_redis: RedisServer, store: RedisStore
) -> None:
    moment = [1000.0]
    guarded = GuardedStore(store, "redis", clock=lambda: moment[0])
    put(guarded, KEY, b"kept")
    own_redis.freeze()
    for _ in range(3):
        fails_in_time(guarded, "get")
    began = time.monotonic()
    for _ in range(1000):
        with pytest.raises(StoreError):
            guarded.get(KEY)
        assert guarded.generation() is None
    assert time.monotonic() - began < IN_TIME
    own_redis.thaw()
    moment[0] += 1
    assert content_of(guarded, KEY) == b"kept"
    eventually(lambda: guarded.generation() is not None)


# -- a server that was started again


def test_a_server_that_was_killed_is_a_store_error(own_redis: RedisServer, store: RedisStore) -> None:
    put(store, KEY)
    own_redis.kill()
    for call in CALLS:
        fails_in_time(store, call)
    assert is_unknown(store)


def test_a_server_that_was_started_again_empty_is_used_at_once(
    own_redis: RedisServer, store: RedisStore
) -> None:
    in_threads(5, lambda: put(store, KEY))  # several connections
    lease = store.lease(KEY, ("path:/a",), 10)
    moment = store.begin(KEY)
    generation = store.generation()
    assert lease is not None
    own_redis.kill()
    own_redis.start()
    assert store.get(KEY) is None
    assert not store.put(KEY, entry(), lease)
    assert not store.put(KEY, entry(), moment)
    eventually(lambda: store.generation() not in (None, generation))
    assert works(store)


def in_threads(count: int, work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_server_with_an_older_snapshot_serves_nothing_of_it(
    own_redis: RedisServer, store: RedisStore
) -> None:
    """It does not know of the revalidations that came after it."""
    put(store, KEY, b"old")
    moment = store.begin(KEY)
    generation = store.generation()
    with client.Redis(port=own_redis.port) as raw:
        raw.save()
    store.bump("path:/a", "expire")
    own_redis.kill()
    own_redis.start()
    with client.Redis(port=own_redis.port) as raw:
        assert raw.dbsize()
    assert store.get(KEY) is None
    assert not store.put(KEY, entry(b"old"), moment)
    eventually(lambda: store.generation() not in (None, generation))
    assert works(store)


def test_connections_that_the_server_has_closed_are_no_failure(
    own_redis: RedisServer, store: RedisStore
) -> None:
    put(store, KEY)
    with client.Redis(port=own_redis.port) as raw:
        for _ in range(3):
            raw.client_kill_filter(_type="normal", skipme=True)
            assert content_of(store, KEY) == b"content"


def test_another_password_is_a_store_error_until_it_is_the_old_one(own_redis: RedisServer) -> None:
    own_redis.kill()
    own_redis.start("--requirepass", "f1rst-passw0rd")
    url = f"redis://:f1rst-passw0rd@127.0.0.1:{own_redis.port}/0"
    for store in opened(url):
        assert works(store)
        own_redis.kill()
        own_redis.start("--requirepass", "an0ther-passw0rd")
        for call in CALLS:
            assert "passw0rd" not in str(fails_in_time(store, call))
        assert is_unknown(store)
        own_redis.kill()
        own_redis.start("--requirepass", "f1rst-passw0rd")
        assert works(store)


# -- a server whose memory is full


@pytest.fixture
def full_redis(own_redis: RedisServer, store: RedisStore) -> Iterator[client.Redis]:
    """What fills a Redis by `maxmemory`, and gives it room again."""
    put(store, KEY, b"kept")
    with client.Redis(port=own_redis.port) as raw:
        raw.config_set("maxmemory-policy", "noeviction")
        yield raw


def test_a_full_server_keeps_nothing_more(full_redis: client.Redis, store: RedisStore) -> None:
    put(store, b"removed")
    full_redis.config_set("maxmemory", "1")
    moment = store.begin(KEY)
    with pytest.raises(StoreError):
        store.put(b"other", entry(), moment)
    with pytest.raises(StoreError):
        store.lease(KEY, ("path:/a",), 10)
    assert content_of(store, KEY) == b"kept"
    store.remove(b"removed")
    assert store.get(b"removed") is None


def test_a_full_server_promises_no_revalidation(full_redis: client.Redis, store: RedisStore) -> None:
    full_redis.config_set("maxmemory", "1")
    with pytest.raises(StoreError):
        store.bump("path:/a", "expire")


def test_a_server_with_room_again_works_by_itself(full_redis: client.Redis, store: RedisStore) -> None:
    store.bump("tag:b", "expire")
    full_redis.config_set("maxmemory", "1")
    with pytest.raises(StoreError):
        store.put(KEY, entry(b"late"), store.begin(KEY))
    full_redis.config_set("maxmemory", "0")
    assert works(store)
    put(store, KEY, b"new")
    assert content_of(store, KEY) == b"new"
    store.clear()
    assert store.stats()["size"] == 0


def test_a_server_that_evicts_serves_nothing_old(full_redis: client.Redis, store: RedisStore) -> None:
    """It may evict what tells of revalidations, before the entries that they ended."""
    store.bump("path:/a", "expire")
    used = full_redis.info("memory")["used_memory"]
    full_redis.config_set("maxmemory-policy", "allkeys-random")
    full_redis.config_set("maxmemory", str(used + 300_000))
    moment = store.begin(b"early")
    early = {b"%d" % number for number in range(200)}
    for key in sorted(early):
        store.put(key, entry(b"x" * 1000, "tag:early"), store.begin(key))
    store.bump("tag:early", "expire")
    for number in range(600):
        key = b"late%d" % number
        store.put(key, entry(b"x" * 1000), store.begin(key))
    assert full_redis.info("stats")["evicted_keys"] > 100
    assert {key for key in early if store.get(key) is not None} == set()
    if moment.epoch != store.begin(KEY).epoch:
        assert not store.put(b"early", entry(), moment)


@pytest.mark.parametrize("lost", [b"test:state", b"test:used", b"test:ends", b"test:sizes"])
def test_what_a_server_has_lost_is_made_anew(
    full_redis: client.Redis, store: RedisStore, lost: bytes
) -> None:
    put(store, KEY, b"kept", "tag:a")
    moment = store.begin(KEY)
    store.bump("tag:a", "expire")
    assert full_redis.delete(lost) == 1 or lost != b"test:state"
    assert store.get(KEY) is None
    if lost == b"test:state":
        assert not store.put(KEY, entry(), moment)
    assert works(store)
    store.clear()
    assert (store.stats()["entries"], store.stats()["size"]) == (0, 0)


def test_an_emptied_server_is_another_epoch(full_redis: client.Redis, store: RedisStore) -> None:
    moment = store.begin(KEY)
    lease = store.lease(b"other", (), 10)
    assert lease is not None
    generation = store.generation()
    full_redis.flushall()
    assert not store.put(KEY, entry(), moment)
    assert not store.put(KEY, entry(), lease)
    assert store.get(KEY) is None
    eventually(lambda: store.generation() not in (None, generation))


# -- a server that is slow


@pytest.fixture
def slow(own_redis: RedisServer) -> Iterator[tuple[Proxy, RedisStore]]:
    """A store with a proxy in front of its Redis."""
    with proxy(own_redis.port) as (between, port):
        for store in opened(f"redis://127.0.0.1:{port}"):
            yield between, store


@pytest.mark.parametrize(("delay", "pace"), [(3, 65536), (0.15, 1)])
@pytest.mark.parametrize("has_connection", [True, False])
def test_a_slow_server_is_a_store_error_soon(
    slow: tuple[Proxy, RedisStore], delay: float, pace: int, has_connection: bool
) -> None:
    """Also if it is never silent for long."""
    between, store = slow
    if has_connection:
        put(store, KEY)
    between.delay, between.pace = delay, pace
    for call in CALLS:
        fails_in_time(store, call)


def test_a_url_says_how_long_a_slow_server_is_waited_for(own_redis: RedisServer) -> None:
    with proxy(own_redis.port) as (between, port):
        between.delay = 0.5
        for store in opened(f"redis://127.0.0.1:{port}?socket_timeout=30"):
            put(store, KEY)
            assert content_of(store, KEY) == b"content"


def test_a_url_says_how_soon_a_slow_server_is_given_up(own_redis: RedisServer) -> None:
    with proxy(own_redis.port) as (between, port):
        for store in opened(f"redis://127.0.0.1:{port}?socket_timeout=0.05"):
            between.delay = 0.1
            fails_in_time(store, "get")


def test_a_late_reply_is_nobodys(slow: tuple[Proxy, RedisStore]) -> None:
    between, store = slow
    put(store, KEY, b"one")
    put(store, b"other", b"two")
    between.delay = 0.4
    fails_in_time(store, "get")
    between.delay = 0.0
    for _ in range(20):
        assert content_of(store, b"other") == b"two"
        assert content_of(store, KEY) == b"one"


def test_a_server_that_is_fast_again_is_used_again(slow: tuple[Proxy, RedisStore]) -> None:
    between, store = slow
    between.delay = 0.4
    fails_in_time(store, "begin")
    between.delay = 0.0
    eventually(lambda: works(store))


def test_a_generation_that_comes_too_late_is_not_trusted(slow: tuple[Proxy, RedisStore]) -> None:
    """Nobody knows whether it is still that one."""
    between, store = slow
    put(store, KEY)
    assert store.generation() is not None
    between.delay = 0.08
    eventually(lambda: is_unknown(store))
    assert [is_unknown(store) for _ in range(5)] == [True] * 5


# -- a server that sent an unexpected reply


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_is_a_store_error(kind: str) -> None:
    with replying(NONSENSE[kind]) as port:
        for store in opened(f"redis://127.0.0.1:{port}"):
            for call in ["get", "begin", "lease", "bump", "clear", "stats"]:
                fails_in_time(store, call)
            assert is_unknown(store)


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_from_what_seemed_a_redis_is_a_store_error(kind: str) -> None:
    with replying(NONSENSE[kind], first=b"$0\r\n\r\n") as port:
        for store in opened(f"redis://127.0.0.1:{port}"):
            for call in ["get", "begin", "lease", "bump", "clear", "stats"]:
                if (call == "get" and "three" in kind) or (kind, call) in {
                    ("three", "lease"),
                    ("three", "clear"),
                }:
                    continue  # it could be one of a Redis
                fails_in_time(store, call)


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_breaks_nothing(kind: str) -> None:
    """What expects no reply in particular may take it for one."""
    with replying(NONSENSE[kind]) as port:
        for store in opened(f"redis://127.0.0.1:{port}"):
            for call in ["put", "remove", "release"]:
                began = time.monotonic()
                with contextlib.suppress(StoreError):
                    CALLS[call](store)
                assert time.monotonic() - began < IN_TIME


def test_a_missing_reply_is_a_miss() -> None:
    with replying(b"$-1\r\n") as port:
        for store in opened(f"redis://127.0.0.1:{port}"):
            for call in ["bump", "begin", "stats", "clear"]:
                fails_in_time(store, call)
            assert is_unknown(store)


def test_a_server_that_hangs_up_is_a_store_error() -> None:
    with serving(lambda connection: None) as port:
        for store in opened(f"redis://127.0.0.1:{port}"):
            for call in CALLS:
                fails_in_time(store, call)


# -- what stands under the store's keys


def all_keys(raw: client.Redis) -> list[bytes]:
    keys: Any = raw.keys("*")
    return list(keys)


def test_an_entry_of_another_kind_is_a_miss(full_redis: client.Redis, store: RedisStore) -> None:
    put(store, b"other")
    full_redis.set(b"test:entry:" + KEY, b"something else")
    assert store.get(KEY) is None
    assert not full_redis.exists(b"test:entry:" + KEY)
    assert store.get(b"other") is not None
    put(store, KEY)
    assert content_of(store, KEY) == b"content"


@pytest.fixture
def damaged(redis: RedisServer) -> Iterator[tuple[client.Redis, RedisStore]]:
    """A store with an entry, and what damages it, in a Redis that several tests share."""
    with client.Redis(port=redis.port) as raw:
        raw.flushall()
        for store in opened(redis.patient_url):
            put(store, KEY, b"kept")
            yield raw, store


@pytest.mark.parametrize("value", [b"", b"\0", b"-1", b"9" * 30, b"nan", b"x" * 1000])
@pytest.mark.parametrize("field", ["epoch", "sequence", "names", "put", "seal", "packed", None])
def test_a_damaged_entry_is_a_miss_and_is_removed(
    damaged: tuple[client.Redis, RedisStore], field: str | None, value: bytes
) -> None:
    raw, store = damaged
    key = b"test:entry:" + KEY
    if field is None:
        raw.hdel(key, "packed", "seal", "names")
        raw.hset(key, "another", value)
    else:
        raw.hset(key, field, value)
    assert store.get(KEY) is None
    assert not raw.exists(key)


def test_an_entry_under_anothers_key_is_a_miss(full_redis: client.Redis, store: RedisStore) -> None:
    full_redis.copy("test:entry:key", "test:entry:other")
    assert store.get(b"other") is None


def test_a_store_whose_keys_all_hold_something_else_begins_anew(
    full_redis: client.Redis, store: RedisStore
) -> None:
    lease = store.lease(KEY, ("path:/a",), 10)
    moment = store.begin(KEY)
    assert lease is not None
    store.release(lease, 60)
    assert store.lease(KEY, ("path:/a",), 10, at_once=True)
    store.bump("tag:a", "expire")
    for key in all_keys(full_redis):
        full_redis.set(key, b"something else")
    assert store.get(KEY) is None
    assert not store.put(KEY, entry(), moment)
    assert store.lease(KEY, ("path:/a",), 10) is not None
    assert works(store)
    assert store.stats()["entries"] == 0


# -- forks, greenlets, and what a store shows


def test_a_fork_has_connections_of_its_own(store: RedisStore) -> None:
    put(store, KEY, b"content", "tag:a")
    assert store.lease(b"held", ("path:/a",), 10) is not None
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for number in range(200):
                put(store, b"child", b"%d" % number)
                assert content_of(store, b"child") == b"%d" % number
            store.bump("tag:a", "expire")
            store.close()
            status = 0
        finally:
            os._exit(status)
    for number in range(200):
        put(store, b"parent", b"%d" % number)
        assert content_of(store, b"parent") == b"%d" % number
    assert os.waitpid(child, 0)[1] == 0
    assert store.get(KEY) is None
    assert works(store)


def test_greenlets_wait_side_by_side(own_redis: RedisServer) -> None:
    pytest.importorskip("gevent")
    code = """
        from gevent import monkey; monkey.patch_all()
        import os, signal, sys, threading, time
        import gevent
        from apiroutes.stores.redis import RedisStore
        from apiroutes.stores.store import Entry, StoreError
        from apiroutes.threads import native_threads

        store = RedisStore(sys.argv[1], prefix="test", max_entries=100, max_size=10**7)

        def work(number):
            for turn in range(20):
                key = b"%d" % number
                content = key * (turn + 1)
                assert store.put(key, Entry(content, ("tag:a",), 60), store.begin(key))
                assert store.get(key).content == content

        gevent.joinall([gevent.spawn(work, number) for number in range(20)], raise_error=True)
        assert store.lease(b"key", ("tag:a",), 10)

        # A native thread has a hub, and connections, of its own.
        done = native_threads.mailbox()
        def native():
            try:
                work(1000)
            except BaseException as error:
                done.put(error)
            else:
                done.put(None)
        native_threads.start_native_thread(native, "native")
        work(1001)
        assert done.get(20) is None

        os.kill(int(sys.argv[2]), signal.SIGSTOP)
        turns = 0
        def turn():
            global turns
            while True:
                turns += 1
                gevent.sleep(0.01)
        turning = gevent.spawn(turn)
        def fail():
            try:
                store.get(b"1")
            except StoreError:
                return True
        failing = [gevent.spawn(fail) for _ in range(10)]
        began = time.monotonic()
        gevent.joinall(failing, raise_error=True)
        assert all(one.value for one in failing)
        assert time.monotonic() - began < 1, "one after the other"
        assert turns >= 5, "the others stood still"
        os.kill(int(sys.argv[2]), signal.SIGCONT)
        print("done")
    """
    arguments = [own_redis.url, str(own_redis.pid)]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
