"""A store in Redis: what it asks for and when, what it leaves in the server, whom it tells a password."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as client

from apiroutes.stores.redis import RedisStore
from apiroutes.stores.store import StoreError
from tests.redis_server import RedisServer, redis_server
from tests.stores.kinds import MB, content_of, entry, eventually, free_port, put

KEY = b"key"


@pytest.fixture
def raw(redis: RedisServer) -> Iterator[client.Redis]:
    with client.Redis(port=redis.port) as raw:
        raw.flushall()
        yield raw


@pytest.fixture
def store(redis: RedisServer, raw: client.Redis) -> Iterator[RedisStore]:
    store = RedisStore(redis.patient_url, prefix="one", max_entries=10, max_size=64 * MB)
    yield store
    store.close()


def calls_of(raw: client.Redis, command: str) -> int:
    stats: Any = raw.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


# -- what is asked, and when


def test_nothing_is_connected_before_the_first_call() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}"
        RedisStore(url, prefix="one", max_entries=10, max_size=MB).close()
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_the_generation_is_asked_for_once_in_a_while(store: RedisStore, raw: client.Redis) -> None:
    store.begin(KEY)
    before, began = calls_of(raw, "evalsha"), time.monotonic()
    for _ in range(50_000):
        store.generation()
    most = 1 + (time.monotonic() - began) / 0.05
    assert 1 <= calls_of(raw, "evalsha") - before <= most


def test_a_bump_returns_when_nobody_trusts_the_generation_before(store: RedisStore) -> None:
    """Who asked just before it may trust the answer for 50 ms."""
    began = time.monotonic()
    store.bump("tag:a", "expire")
    assert time.monotonic() - began >= 0.06
    began = time.monotonic()
    store.clear()
    assert time.monotonic() - began >= 0.06


def test_a_worker_never_trusts_an_older_generation_after_a_bump(redis: RedisServer) -> None:
    """Whatever it asks, and when, in whatever thread."""
    stores = [RedisStore(redis.patient_url, prefix="trust", max_entries=10, max_size=MB) for _ in range(2)]
    bumped, wrong, is_over = [0], [], threading.Event()

    def read() -> None:
        while not is_over.is_set():
            least = bumped[0]
            generation: Any = stores[0].generation()
            if generation is not None and generation[1] < least:
                wrong.append((generation, least))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 21):
        stores[1].bump("tag:a", "expire")
        bumped[0] = number
    is_over.set()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    assert wrong == []


def test_a_connection_is_used_again(store: RedisStore, raw: client.Redis) -> None:
    put(store, KEY)
    info: Any = raw.info("stats")
    before = info["total_connections_received"]
    for _ in range(20):
        assert store.get(KEY) is not None
        store.begin(KEY)
    info = raw.info("stats")
    assert info["total_connections_received"] == before


def test_a_closed_store_has_no_connections(redis: RedisServer, store: RedisStore, raw: client.Redis) -> None:
    put(store, KEY)
    assert len(raw.client_list()) == 2
    store.close()
    eventually(lambda: len(raw.client_list()) == 1)


# -- the lease of a process that lives


@pytest.mark.costly
def test_a_lease_is_renewed_while_its_process_lives(store: RedisStore, raw: client.Redis) -> None:
    assert store.lease(KEY, ("path:/a",), 1) is not None
    held = "one:lease:key"
    assert 9_000 <= int(str(raw.pttl(held))) <= 10_000
    eventually(lambda: int(str(raw.pttl(held))) < 8_500)
    eventually(lambda: int(str(raw.pttl(held))) > 9_500)


@pytest.mark.costly
def test_what_was_given_back_is_not_renewed(store: RedisStore, raw: client.Redis) -> None:
    first = store.lease(KEY, ("path:/a",), 60)
    assert first is not None
    store.release(first)
    second = store.lease(b"other", ("path:/a",), 60)
    assert second is not None
    eventually(lambda: int(str(raw.pttl("one:lease:other"))) < 8_500)
    eventually(lambda: int(str(raw.pttl("one:lease:other"))) > 9_500)
    assert not raw.exists("one:lease:key")


def test_no_thread_is_there_before_the_first_lease(store: RedisStore) -> None:
    before = set(threading.enumerate())
    put(store, KEY)
    store.bump("tag:a", "expire")
    assert set(threading.enumerate()) - before == set()
    first = store.lease(KEY, ("path:/a",), 60)
    assert store.lease(b"other", ("path:/a",), 60) is not None
    assert first is not None
    (thread,) = set(threading.enumerate()) - before
    assert thread.daemon
    store.close()
    thread.join(20)
    assert not thread.is_alive()


# -- what lies in the server


def test_all_keys_begin_with_the_prefix(store: RedisStore, raw: client.Redis) -> None:
    put(store, KEY)
    lease = store.lease(KEY, ("path:/a",), 60)
    assert lease is not None
    store.release(lease, 1)
    store.lease(b"other", ("path:/a",), 60)
    store.bump("tag:a", "expire")
    keys: Any = raw.keys("*")
    assert keys
    assert [key for key in keys if not key.startswith(b"one:")] == []


def test_stores_with_other_prefixes_and_databases_are_others(redis: RedisServer, store: RedisStore) -> None:
    put(store, KEY)
    for url, prefix in [(redis.url, "two"), (f"redis://127.0.0.1:{redis.port}/1", "one")]:
        other = RedisStore(url, prefix=prefix, max_entries=10, max_size=MB)
        assert other.get(KEY) is None
        other.bump("path:/a", "expire")
        other.clear()
        other.close()
    assert store.get(KEY) is not None


def test_what_has_ended_takes_no_room(store: RedisStore, raw: client.Redis) -> None:
    put(store, KEY, fresh=0.05)
    put(store, b"other")
    eventually(lambda: not raw.exists("one:entry:key"))
    assert store.stats()["entries"] == 1
    store.remove(b"other")
    assert (store.stats()["entries"], store.stats()["size"]) == (0, 0)
    keys: Any = raw.keys("*")
    assert set(keys) <= {b"one:state", b"one:sizes"}


def test_what_has_ended_is_forgotten_when_something_is_put(store: RedisStore, raw: client.Redis) -> None:
    for number in range(5):
        put(store, b"%d" % number, fresh=0.05)
    eventually(lambda: not raw.exists("one:entry:4"))
    put(store, KEY)
    assert raw.zrange("one:used", 0, -1) == [KEY]


def test_a_failure_that_something_put_has_ended_takes_no_room(store: RedisStore, raw: client.Redis) -> None:
    lease = store.lease(KEY, (), 10)
    assert lease is not None
    store.release(lease, 60)
    assert raw.zcard("one:failed") == 1
    put(store, KEY)
    assert not raw.exists("one:failed", "one:failures:key")


def test_what_was_pushed_out_takes_no_room(store: RedisStore, raw: client.Redis) -> None:
    for number in range(30):
        put(store, b"%d" % number)
    keys: Any = raw.keys("one:entry:*")
    assert len(keys) == 10
    sizes: Any = raw.hgetall("one:sizes")
    assert len(sizes) == 11
    assert int(sizes.pop(b"total")) == sum(int(size) for size in sizes.values())


def test_a_limited_number_of_revalidated_names_is_remembered(store: RedisStore, raw: client.Redis) -> None:
    """What began before those that are forgotten counts as revalidated, because it may have been."""
    put(store, b"early", b"content", "tag:never bumped")
    early = store.begin(KEY)
    assert store.lease(KEY, ("tag:never bumped",), 60) is not None
    remember_bumps(raw, 600)
    assert store.lease(KEY, ("tag:never bumped",), 60) is None
    put(store, b"middle", b"content", "tag:never bumped")
    middle = store.begin(KEY)
    store.bump("tag:after the middle", "stale")
    remember_bumps(raw, 500)
    store.bump("tag:last", "expire")
    assert raw.zcard("one:state") == 1002
    assert store.get(b"early") is None
    assert not store.put(KEY, entry(b"content", "tag:never bumped"), early)
    assert store.lease(KEY, ("tag:never bumped",), 60) is not None
    assert content_of(store, b"middle") == b"content"
    assert not store.put(KEY, entry(b"content", "tag:last"), middle)
    assert not store.put(KEY, entry(b"content", "tag:after the middle"), middle)
    assert store.put(KEY, entry(b"content", "tag:never bumped"), middle)


def remember_bumps(raw: client.Redis, count: int) -> None:
    """Leave what so many bumps leave, which would wait for a minute."""
    head: Any = raw.zrange("one:state", 0, 0, withscores=True)
    epoch, score = head[0]
    raw.zadd("one:state", {b"x%016d" % number: number for number in range(int(-score), int(-score) + count)})
    raw.zincrby("one:state", -count, epoch)


def test_a_limited_number_of_failures_is_remembered(store: RedisStore, raw: client.Redis) -> None:
    for number in range(1100):
        lease = store.lease(b"%d" % number, (), 10)
        assert lease is not None
        store.release(lease, 60)
    keys: Any = raw.keys("one:failures:*")
    assert len(keys) == 1000
    assert store.lease(b"1099", (), 10) is None
    assert store.lease(b"0", (), 10) is not None


def test_a_name_of_any_length_takes_little_room(store: RedisStore, raw: client.Redis) -> None:
    store.bump("path:/" + "x" * 1_000_000, "expire")
    assert int(str(raw.memory_usage("one:state", samples=0))) < 1000


def test_a_server_whose_clock_was_set_back_serves_nothing_for_longer(
    store: RedisStore, raw: client.Redis
) -> None:
    """A time in the future means that nobody knows how old an entry is."""
    put(store, KEY)
    fields: Any = raw.hgetall("one:entry:key")
    later = b"%d" % (int(fields[b"put"]) + 3_600_000_000)
    parts = [fields[b"epoch"], fields[b"sequence"], fields[b"names"], later]
    seal = hashlib.sha1(b" ".join(parts)).hexdigest()
    raw.hset("one:entry:key", mapping={"put": later, "seal": seal})
    assert store.get(KEY) is None


# -- other servers than a plain one


def test_a_unix_socket_is_a_place(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("s") / "r"
    with redis_server("--unixsocket", str(path)):
        store = RedisStore(f"unix://{path}?db=2", prefix="one", max_entries=10, max_size=MB)
        put(store, KEY)
        assert content_of(store, KEY) == b"content"
        store.close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_server_is_reached_by_tls(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=127.0.0.1",
            ),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    port = free_port()
    files = (
        "--tls-cert-file",
        str(certificate),
        "--tls-key-file",
        str(key),
        "--tls-ca-cert-file",
        str(certificate),
    )
    with redis_server("--tls-port", str(port), *files, "--tls-auth-clients", "no") as server:
        url = f"rediss://127.0.0.1:{port}"
        with pytest.raises(StoreError):
            RedisStore(url, prefix="one", max_entries=10, max_size=MB).get(KEY)  # nobody has signed it
        store = RedisStore(f"{url}?ssl_ca_certs={certificate}", prefix="one", max_entries=10, max_size=MB)
        put(store, KEY, b"x" * 1_000_000)
        for _ in range(3):
            assert content_of(store, KEY) == b"x" * 1_000_000
        server.freeze()
        began = time.monotonic()
        with pytest.raises(StoreError):
            store.get(KEY)
        assert time.monotonic() - began < 1
        server.thaw()
        eventually(lambda: content_of(store, KEY) is not None)
        store.close()


def test_a_user_who_may_not_ask_for_the_run_of_a_server_has_a_store(
    redis: RedisServer, raw: client.Redis
) -> None:
    raw.acl_setuser("guest", enabled=True, passwords=["+g"], keys=["*"], commands=["+@all", "-info"])
    store = RedisStore(f"redis://guest:g@127.0.0.1:{redis.port}", prefix="one", max_entries=10, max_size=MB)
    put(store, KEY)
    assert content_of(store, KEY) == b"content"
    store.bump("path:/a", "expire")
    assert store.get(KEY) is None
    store.close()
    raw.acl_deluser("guest")


def test_a_user_who_may_not_read_has_no_store(redis: RedisServer, raw: client.Redis) -> None:
    raw.acl_setuser("guest", enabled=True, passwords=["+g"], keys=["*"], commands=["+@all", "-hmget"])
    store = RedisStore(f"redis://guest:g@127.0.0.1:{redis.port}", prefix="one", max_entries=10, max_size=MB)
    with pytest.raises(StoreError):
        store.get(KEY)
    store.close()
    raw.acl_deluser("guest")


# -- URLs and their passwords


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cret/x@127.0.0.1:6379",
        "redis://:s3cr#et@127.0.0.1",
        "redis://:p@127.0.0.1:s3cret",
        "redis://:s3cret@[::1",
        "redis://:s3cret@127.0.0.1?socket_timeout=s3cret",
        "redis://:s3cret@127.0.0.1?socket_timeout=0",
        "redis://:s3cret@127.0.0.1?socket_timeout=nan",
        "redis://:s3cret@127.0.0.1?socket_timeout=61",
        "redis://:s3cret@127.0.0.1?socket_connect_timeout=-1",
        "redis://:s3cret@127.0.0.1?s3cret=1",
        "http://:s3cret@127.0.0.1",
        "s3cret",
        "",
    ],
)
def test_a_url_that_cannot_be_used_is_a_value_error_without_its_text(url: str) -> None:
    with pytest.raises(ValueError, match="redis://") as raised:
        RedisStore(url, prefix="one", max_entries=10, max_size=MB)
    assert "s3c" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    "url", ["redis://user:s3cret@127.0.0.1:1/0", "rediss://:s3cret@127.0.0.1:1", "unix://:s3cret@/nowhere"]
)
def test_no_text_has_a_password(url: str) -> None:
    store = RedisStore(url, prefix="one", max_entries=10, max_size=MB)
    with pytest.raises(StoreError) as raised:
        store.get(KEY)
    assert "s3cret" not in f"{raised.value} {raised.value!r} {store!r} {vars(store)}"


@pytest.mark.parametrize(
    "query",
    ["decode_responses=true", "protocol=3", "max_connections=1", "retry_on_timeout=true", "timeout=9"],
)
def test_what_a_url_says_of_replies_and_retries_changes_nothing(
    redis: RedisServer, raw: client.Redis, query: str
) -> None:
    store = RedisStore(f"{redis.url}?{query}", prefix="one", max_entries=10, max_size=MB)
    put(store, KEY, b"\xff\0")
    assert content_of(store, KEY) == b"\xff\0"
    store.close()
