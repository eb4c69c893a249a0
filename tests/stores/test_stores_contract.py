"""What every store keeps to: the facts of `apiroutes/stores/store.py`."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from apiroutes.stores.store import Entry, Lease, Mode, Store
from tests.stores.kinds import KINDS, SHARED_KINDS, StoreOpener, content_of, entry, eventually, put

MODES: list[Mode] = ["expire", "stale"]
KEY = b"key"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def leased(store: Store, key: bytes = KEY, *names: str, at_once: bool = False) -> Lease:
    lease = store.lease(key, names or ("path:/a",), 60, at_once=at_once)
    assert lease is not None
    return lease


def is_leased(store: Store, key: bytes = KEY, *names: str) -> bool:
    """Whether somebody has the lease of a key; if not, it is given back at once."""
    lease = store.lease(key, names or ("path:/a",), 60)
    if lease is not None:
        store.release(lease)
    return lease is None


# -- entries


def test_there_is_nothing_before_something_is_put(store: Store) -> None:
    assert store.get(KEY) is None


@pytest.mark.parametrize("content", [b"", b"content", bytes(range(256)), b"\r\n$3\r\n", b"x" * 1_000_000])
def test_content_comes_back_as_it_was_put(store: Store, content: bytes) -> None:
    put(store, KEY, content)
    assert content_of(store, KEY) == content


@pytest.mark.parametrize(
    "key", [b"\0", b"", b" ", b"*", b"a:b", b"{a}", bytes(range(256)), b"k" * 10_000, "ключ".encode()]
)
def test_a_key_is_any_bytes(store: Store, key: bytes) -> None:
    put(store, b"other", b"of another")
    put(store, key, b"its own")
    assert content_of(store, key) == b"its own"
    assert content_of(store, b"other") == b"of another"


def test_keys_that_differ_in_the_last_byte_are_two(store: Store) -> None:
    put(store, b"k\0", b"one")
    put(store, b"k", b"two")
    assert content_of(store, b"k\0") == b"one"
    assert content_of(store, b"k") == b"two"


@pytest.mark.parametrize(
    "names", [(), ("path:/a",), ("path:/ü/%20", "below:/", "tag:" + "x" * 256, "tag:\U0001f600", "tag:a b")]
)
@pytest.mark.parametrize(("fresh", "stale"), [(60.0, 0.0), (0.5, 300.25), (math.inf, 0.0), (60.0, math.inf)])
def test_an_entry_has_what_it_was_put_with(
    store: Store, names: tuple[str, ...], fresh: float, stale: float
) -> None:
    assert store.put(KEY, Entry(b"content", names, fresh, stale), store.begin(KEY))
    found = store.get(KEY)
    assert found is not None
    assert (found.names, found.fresh, found.stale) == (names, fresh, stale)
    assert not found.is_revalidated


def test_an_entry_grows_older(store: Store) -> None:
    put(store, KEY)
    began = time.monotonic()
    first = store.get(KEY)
    assert first is not None
    assert 0 <= first.age < 5

    def is_older() -> bool:
        later = store.get(KEY)
        assert later is not None
        return later.age >= first.age + 0.05

    eventually(is_older)
    assert time.monotonic() - began >= 0.04


def test_what_was_put_again_is_young(store: Store) -> None:
    put(store, KEY)
    eventually(lambda: (found := store.get(KEY)) is not None and found.age > 0.1)
    put(store, KEY)
    found = store.get(KEY)
    assert found is not None
    assert found.age < 0.1


def test_an_entry_ends_after_its_lifetime(store: Store) -> None:
    put(store, KEY, fresh=0.05)
    eventually(lambda: store.get(KEY) is None)


def test_an_entry_is_there_while_it_may_be_served_stale(store: Store) -> None:
    assert store.put(KEY, entry(fresh=0.02, stale=60), store.begin(KEY))
    eventually(lambda: (found := store.get(KEY)) is not None and found.age > 0.05)


def test_an_entry_ends_after_it_may_be_served_stale(store: Store) -> None:
    assert store.put(KEY, entry(fresh=0.02, stale=0.05), store.begin(KEY))
    eventually(lambda: store.get(KEY) is None)


def test_what_is_put_replaces_what_was_there(store: Store) -> None:
    put(store, KEY, b"old", "tag:old")
    put(store, KEY, b"new", "tag:new")
    store.bump("tag:old", "expire")
    assert content_of(store, KEY) == b"new"
    store.bump("tag:new", "expire")
    assert store.get(KEY) is None


def test_what_is_removed_is_gone(store: Store) -> None:
    put(store, KEY)
    put(store, b"other")
    store.remove(KEY)
    store.remove(b"was never there")
    assert store.get(KEY) is None
    assert store.get(b"other") is not None


# -- revalidation


@pytest.mark.parametrize("name", ["path:/a", "below:/", "tag:ü", "route:/a/[id]"])
def test_a_bump_ends_entries_with_the_name(store: Store, name: str) -> None:
    put(store, KEY, b"content", "tag:first", name, "tag:last")
    put(store, b"other", b"content", "tag:first")
    store.bump(name, "expire")
    assert store.get(KEY) is None
    assert store.get(b"other") is not None


def test_a_stale_bump_marks_entries_with_the_name(store: Store) -> None:
    put(store, KEY, b"content", "tag:a")
    put(store, b"other", b"content", "tag:b")
    store.bump("tag:a", "stale")
    found, other = store.get(KEY), store.get(b"other")
    assert found is not None
    assert found.is_revalidated
    assert found.content == b"content"
    assert other is not None
    assert not other.is_revalidated


@pytest.mark.parametrize("modes", [("expire", "stale"), ("stale", "expire"), ("stale", "expire", "stale")])
def test_a_stale_bump_takes_nothing_from_one_that_ends(store: Store, modes: tuple[Mode, ...]) -> None:
    put(store, KEY, b"content", "tag:a")
    for mode in modes:
        store.bump("tag:a", mode)
    assert store.get(KEY) is None


def test_a_name_that_contains_another_is_another(store: Store) -> None:
    put(store, KEY, b"content", "path:/a/b")
    for name in ["path:/a", "path:/a/b/", "below:/a/b", "path:/A/B", "/a/b", ""]:
        store.bump(name, "expire")
    assert store.get(KEY) is not None


@pytest.mark.parametrize("mode", MODES)
def test_what_began_before_a_bump_is_not_put(store: Store, mode: Mode) -> None:
    moment = store.begin(KEY)
    lease = leased(store)
    store.bump("path:/a", mode)
    assert not store.put(KEY, entry(), moment)
    assert not store.put(KEY, entry(), lease)
    assert store.get(KEY) is None


@pytest.mark.parametrize("mode", MODES)
def test_what_began_after_a_bump_is_put(store: Store, mode: Mode) -> None:
    put(store, KEY, b"old")
    store.bump("path:/a", mode)
    lease = leased(store)
    assert store.put(KEY, entry(b"new"), lease)
    found = store.get(KEY)
    assert found is not None
    assert (found.content, found.is_revalidated) == (b"new", False)


def test_what_began_before_a_bump_of_another_name_is_put(store: Store) -> None:
    lease = leased(store)
    store.bump("path:/b", "expire")
    assert store.put(KEY, entry(), lease)


def test_the_names_that_count_are_those_of_what_is_put(store: Store) -> None:
    """A computation may have got more of them while it ran."""
    lease = leased(store, KEY, "path:/a")
    store.bump("tag:inherited", "expire")
    assert not store.put(KEY, entry(b"content", "path:/a", "tag:inherited"), lease)


def test_an_entry_put_after_a_bump_ends_by_one_that_came_before_it_was_put(store: Store) -> None:
    """What counts is when its computation began."""
    lease = leased(store, KEY, "path:/a")
    store.bump("tag:a", "expire")
    assert store.put(KEY, entry(b"content", "path:/a"), lease)
    assert not store.put(KEY, entry(b"content", "path:/a", "tag:a"), lease)
    assert content_of(store, KEY) == b"content"


def test_what_is_refused_leaves_the_old_entry(store: Store) -> None:
    put(store, KEY, b"old")
    lease = leased(store)
    store.bump("path:/a", "stale")
    assert not store.put(KEY, entry(b"late"), lease)
    found = store.get(KEY)
    assert found is not None
    assert (found.content, found.is_revalidated) == (b"old", True)


def test_many_bumps_of_other_names_end_nothing_that_was_put_since(store: Store) -> None:
    for number in range(20):
        store.bump(f"tag:{number}", "expire")
    put(store, KEY, b"content", "tag:3", "tag:19")
    for number in range(20, 30):
        store.bump(f"tag:{number}", "expire")
    assert store.get(KEY) is not None
    store.bump("tag:3", "expire")
    assert store.get(KEY) is None


def test_a_lease_counts_more_revalidations_than_one_before(store: Store) -> None:
    before = store.begin(KEY)
    store.bump("tag:a", "expire")
    after = store.begin(KEY)
    assert after.sequence > before.sequence
    assert (after.key, after.epoch, after.token) == (KEY, before.epoch, b"")


def test_a_lease_of_another_epoch_puts_nothing(store: Store, open_store: StoreOpener) -> None:
    lease = open_store(of=1).begin(KEY)
    assert lease.epoch != store.begin(KEY).epoch
    assert not store.put(KEY, entry(), lease)
    assert store.get(KEY) is None


# -- leases


def test_one_lease_is_given_on_a_key(store: Store) -> None:
    lease = leased(store)
    assert store.lease(KEY, ("path:/a",), 60) is None
    assert store.lease(KEY, ("path:/a",), 60, at_once=True) is None
    assert lease.key == KEY
    assert lease.token
    assert lease.failures == 0
    assert leased(store, b"other").token != lease.token


def test_a_lease_that_was_given_back_is_given_again(store: Store) -> None:
    first = leased(store)
    store.release(first)
    assert leased(store).token != first.token
    assert is_leased(store)


def test_a_lease_stays_when_its_entry_was_put(store: Store) -> None:
    lease = leased(store)
    assert store.put(KEY, entry(), lease)
    assert is_leased(store)
    store.release(lease)
    assert not is_leased(store)


def test_what_begins_without_a_lease_takes_none(store: Store) -> None:
    store.begin(KEY)
    lease = leased(store)
    assert store.put(KEY, entry(), store.begin(KEY))
    assert is_leased(store)
    store.release(lease)


def test_giving_back_what_is_no_lease_frees_none(store: Store) -> None:
    moment = store.begin(KEY)
    leased(store)
    store.release(moment)
    assert is_leased(store)


@pytest.mark.parametrize("mode", MODES)
def test_a_bump_ends_a_lease(store: Store, mode: Mode) -> None:
    first = leased(store, KEY, "path:/a", "tag:a")
    store.bump("tag:a", mode)
    second = leased(store, KEY, "path:/a", "tag:a")
    assert second.token != first.token
    assert is_leased(store, KEY, "path:/a", "tag:a")


def test_a_bump_of_another_name_ends_no_lease(store: Store) -> None:
    leased(store, KEY, "path:/a")
    store.bump("path:/b", "expire")
    assert is_leased(store, KEY, "path:/a")


def test_a_bump_that_came_before_ends_no_lease(store: Store) -> None:
    store.bump("path:/a", "expire")
    leased(store, KEY, "path:/a")
    assert is_leased(store, KEY, "path:/a")


@pytest.mark.parametrize("retry_after", [None, 60])
def test_a_lease_that_was_taken_over_is_not_given_back_by_its_first_owner(
    store: Store, retry_after: float | None
) -> None:
    first = leased(store)
    store.bump("path:/a", "expire")
    second = leased(store)
    store.release(first, retry_after)
    assert is_leased(store)
    store.release(second)
    third = leased(store)
    assert third.failures == 0


def test_after_a_failure_nobody_gets_the_lease_for_a_time(store: Store) -> None:
    store.release(leased(store), 60)
    assert store.lease(KEY, ("path:/a",), 60) is None
    assert store.lease(b"other", ("path:/a",), 60) is not None


def test_after_that_time_the_lease_is_given(store: Store) -> None:
    store.release(leased(store), 0.05)
    given: list[Lease] = []

    def is_given() -> bool:
        lease = store.lease(KEY, ("path:/a",), 60)
        given.extend([] if lease is None else [lease])
        return lease is not None

    eventually(is_given)
    assert given[0].failures == 1


def test_at_once_the_lease_is_given_before_that_time(store: Store) -> None:
    store.release(leased(store), 60)
    assert leased(store, at_once=True).failures == 1
    assert store.lease(KEY, ("path:/a",), 60, at_once=True) is None


def test_failures_are_counted_until_one_is_put(store: Store) -> None:
    counts = []
    for _ in range(3):
        lease = leased(store, at_once=True)
        counts.append(lease.failures)
        store.release(lease, 60)
    lease = leased(store, at_once=True)
    counts.append(lease.failures)
    assert store.put(KEY, entry(), lease)
    store.release(lease)
    counts.append(leased(store).failures)
    assert counts == [0, 1, 2, 3, 0]


def test_what_is_put_by_another_ends_the_count_too(store: Store) -> None:
    store.release(leased(store), 60)
    assert store.put(KEY, entry(), store.begin(KEY))
    assert leased(store).failures == 0


def test_a_lease_that_is_given_back_counts_no_failure(store: Store) -> None:
    store.release(leased(store), 0.0)
    store.release(leased(store, at_once=True))
    assert leased(store, at_once=True).failures == 1


def test_of_many_threads_one_gets_the_lease(store: Store) -> None:
    given: list[Lease | None] = []

    def ask() -> None:
        given.append(store.lease(KEY, ("path:/a",), 60))

    in_threads(8, ask)
    assert len(given) == 8
    assert sum(lease is not None for lease in given) == 1


def test_threads_do_not_disturb_each_other(store: Store) -> None:
    wrong: list[object] = []

    def work() -> None:
        own = f"{threading.get_ident()}".encode()
        for number in range(20):
            key = own + b":%d" % number
            put(store, key, key * 10, f"tag:{number}")
            if (found := content_of(store, key)) != key * 10:
                wrong.append(found)

    in_threads(6, work)
    assert wrong == []


def in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# -- the generation


def test_the_generation_is_equal_while_nothing_is_bumped(store: Store) -> None:
    generation = store.generation()
    assert generation is not None
    put(store, KEY)
    store.get(KEY)
    lease = leased(store)
    store.release(lease, 1)
    store.remove(KEY)
    assert generation_of(store) == generation


@pytest.mark.parametrize("mode", MODES)
def test_another_bump_is_another_generation(store: Store, mode: Mode) -> None:
    seen = [generation_of(store)]
    for _ in range(4):
        store.bump("tag:a", mode)
        generation = generation_of(store)
        assert generation not in seen
        seen.append(generation)


def test_another_generation_begins_when_all_is_cleared(store: Store) -> None:
    seen = [generation_of(store)]
    store.bump("tag:a", "expire")
    seen.append(generation_of(store))
    store.clear()
    assert generation_of(store) not in seen


def generation_of(store: Store) -> object:
    """The generation, as soon as it is known: a store may be asking for it in another thread."""
    eventually(lambda: store.generation() is not None)
    return store.generation()


# -- the whole


def test_nothing_is_left_when_all_is_cleared(store: Store) -> None:
    for number in range(20):
        put(store, b"%d" % number, b"content", f"tag:{number}")
    store.clear()
    assert [store.get(b"%d" % number) for number in range(20)] == [None] * 20
    stats = store.stats()
    assert (stats["entries"], stats["size"]) == (0, 0)


def test_what_began_before_all_was_cleared_is_not_put(store: Store) -> None:
    moment = store.begin(KEY)
    lease = leased(store, b"other")
    store.clear()
    assert not store.put(KEY, entry(), moment)
    assert not store.put(b"other", entry(), lease)


def test_a_lease_ends_when_all_is_cleared(store: Store) -> None:
    leased(store)
    store.release(leased(store, b"failed"), 60)
    store.clear()
    assert leased(store)
    assert leased(store, b"failed").failures == 0


def test_a_failure_of_what_began_before_all_was_cleared_is_not_counted(store: Store) -> None:
    lease = leased(store)
    store.clear()
    store.release(lease, 60)
    assert leased(store).failures == 0


def test_a_store_works_after_it_was_cleared(store: Store) -> None:
    store.clear()
    put(store, KEY, b"new", "tag:a")
    assert content_of(store, KEY) == b"new"
    store.bump("tag:a", "expire")
    assert store.get(KEY) is None


def test_statistics_count_entries_and_bytes(store: Store) -> None:
    assert (store.stats()["entries"], store.stats()["size"]) == (0, 0)
    for number in range(3):
        put(store, b"%d" % number, b"x" * 10_000)
    put(store, b"2", b"x" * 10_000)
    stats = store.stats()
    assert stats["entries"] == 3
    assert 30_000 <= stats["size"] <= 40_000
    store.remove(b"0")
    stats = store.stats()
    assert stats["entries"] == 2
    assert 20_000 <= stats["size"] <= 30_000


def test_there_are_never_many_more_entries_than_the_limit(open_store: StoreOpener) -> None:
    store = open_store(max_entries=50)
    for number in range(200):
        put(store, b"%d" % number)
        assert store.stats()["entries"] <= 55
    assert store.stats()["entries"] >= 40
    assert store.get(b"199") is not None
    assert store.get(b"0") is None


def test_there_are_never_many_more_bytes_than_the_limit(open_store: StoreOpener) -> None:
    store = open_store(max_size=200_000)
    for number in range(60):
        put(store, b"%d" % number, b"x" * 10_000)
        assert store.stats()["size"] <= 220_000
    assert store.stats()["size"] >= 150_000
    assert store.get(b"59") is not None
    assert store.get(b"0") is None


def test_what_is_larger_than_the_limit_is_not_kept(open_store: StoreOpener) -> None:
    store = open_store(max_size=100_000)
    put(store, b"other")
    assert not store.put(KEY, entry(b"x" * 200_000), store.begin(KEY))
    assert store.get(KEY) is None
    assert store.get(b"other") is not None


def test_what_is_used_stays_longest(open_store: StoreOpener) -> None:
    store = open_store(max_entries=20)
    for number in range(20):
        put(store, b"%d" % number)
    # A use is noted once a second.
    end = time.monotonic() + 1.2
    eventually(lambda: (store.get(b"0"), time.monotonic() >= end)[1])
    for number in range(20, 30):
        put(store, b"%d" % number)
    assert store.get(b"0") is not None
    assert store.get(b"1") is None


def test_a_store_is_closed_twice(store: Store) -> None:
    put(store, KEY)
    store.close()
    store.close()


# -- several of one content


@pytest.fixture
def other(open_store: StoreOpener, store: Store) -> Store:
    return open_store()


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_stores_share_entries(store: Store, other: Store) -> None:
    put(store, KEY)
    assert content_of(other, KEY) == b"content"
    assert other.stats()["entries"] == 1


@pytest.mark.parametrize("kind", SHARED_KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_a_bump_of_one_store_is_seen_by_the_other(store: Store, other: Store, mode: Mode) -> None:
    put(other, KEY)
    moment = other.begin(KEY)
    generation = generation_of(other)
    store.bump("path:/a", mode)
    assert other.generation() != generation
    found = other.get(KEY)
    assert found is None if mode == "expire" else found is not None and found.is_revalidated
    assert not other.put(KEY, entry(), moment)


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_clearing_one_store_is_seen_by_the_other(store: Store, other: Store) -> None:
    put(other, KEY)
    moment = other.begin(KEY)
    generation = generation_of(other)
    store.clear()
    assert other.generation() != generation
    assert other.get(KEY) is None
    assert not other.put(KEY, entry(), moment)


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_a_generation_means_the_same_to_both(store: Store, other: Store) -> None:
    store.bump("tag:a", "expire")
    assert generation_of(store) == generation_of(other)


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_a_lease_of_one_store_keeps_the_other_waiting(store: Store, other: Store) -> None:
    lease = leased(store)
    assert is_leased(other)
    store.release(lease, 60)
    assert is_leased(other)
    assert leased(other, at_once=True).failures == 1


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_what_is_put_is_there_when_a_store_is_opened_again(store: Store, open_store: StoreOpener) -> None:
    put(store, KEY, b"content", "tag:a")
    moment = store.begin(KEY)
    store.close()
    again = open_store()
    assert content_of(again, KEY) == b"content"
    assert again.put(b"other", entry(), moment)
    again.bump("tag:a", "expire")
    assert again.get(KEY) is None


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_a_process_that_lives_keeps_its_lease(store: Store, open_store: StoreOpener) -> None:
    with lessee(open_store) as process:
        assert is_leased(store)
        process.kill()


@pytest.mark.costly
@pytest.mark.parametrize("kind", SHARED_KINDS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_lease_ends_with_its_owners_process(store: Store, open_store: StoreOpener, number: int) -> None:
    with lessee(open_store) as process:
        process.send_signal(number)
        process.wait()
    eventually(lambda: not is_leased(store), 15)


def lessee(open_store: StoreOpener) -> subprocess.Popen[bytes]:
    """A process that has taken the lease of the key, and waits."""
    code = f"{open_store.source()}assert store.lease({KEY!r}, ('path:/a',), 60)\nprint(flush=True)\ninput()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process
