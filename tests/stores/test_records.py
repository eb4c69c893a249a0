"""A store remembers which names were revalidated, but not for ever, and forgets none that is needed."""

from __future__ import annotations

import pytest

from apiroutes.stores.store import Store
from tests.stores.kinds import StoreOpener, content_of, entry, put

KEY = b"key"
LIMIT = 1000


@pytest.fixture(params=["memory", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def bump_others(store: Store, count: int, start: str = "tag:") -> None:
    for number in range(count):
        store.bump(f"{start}{number}", "expire")


def test_the_names_that_are_remembered_are_bounded(store: Store) -> None:
    put(store, KEY)
    bump_others(store, 3 * LIMIT)
    assert 0.8 * LIMIT < store.stats()["revalidated_names"] <= LIMIT


def test_a_store_for_more_entries_remembers_more_names(open_store: StoreOpener) -> None:
    store = open_store(max_entries=2 * LIMIT)
    bump_others(store, 2 * LIMIT)
    assert store.stats()["revalidated_names"] == 2 * LIMIT


@pytest.mark.parametrize("mode", ["expire", "stale"])
def test_what_was_revalidated_stays_so_when_its_name_is_forgotten(store: Store, mode: str) -> None:
    put(store, KEY, b"old")
    moment = store.begin(b"other")
    store.bump("path:/a", "expire" if mode == "expire" else "stale")
    bump_others(store, 3 * LIMIT)
    found = store.get(KEY)
    assert found is None or (mode == "stale" and found.is_revalidated)
    assert not store.put(b"other", entry(), moment)


def test_what_is_younger_than_the_names_that_are_forgotten_stays(store: Store) -> None:
    bump_others(store, LIMIT - 10)
    put(store, KEY)
    lease = store.lease(b"leased", ("path:/a",), 60)
    assert lease is not None
    bump_others(store, LIMIT // 2, "tag:more-")
    assert content_of(store, KEY) == b"content"
    assert store.put(b"leased", entry(), lease)


def test_a_name_that_is_revalidated_again_and_again_is_one(store: Store) -> None:
    put(store, KEY)
    for _ in range(2 * LIMIT):
        store.bump("tag:a", "expire")
    assert store.stats()["revalidated_names"] == 1
    assert content_of(store, KEY) == b"content"


@pytest.mark.parametrize("length", [100, 126, 127, 128, 129, 100_000])
def test_long_names_are_told_apart(store: Store, length: int) -> None:
    put(store, KEY, b"content", "x" * length)
    store.bump("x" * (length - 1) + "y", "expire")
    assert content_of(store, KEY) == b"content"
    store.bump("x" * length, "expire")
    assert store.get(KEY) is None


def test_an_entry_has_any_number_of_names(store: Store) -> None:
    names = [f"tag:{number}" for number in range(1200)]
    for name in (names[0], names[700], names[-1]):
        put(store, KEY, b"content", *names)
        assert content_of(store, KEY) == b"content"
        store.bump(name, "expire")
        assert store.get(KEY) is None


def test_the_failures_that_are_remembered_are_bounded(store: Store) -> None:
    leases = []
    for number in range(LIMIT + LIMIT // 2):
        lease = store.lease(b"%d" % number, ("path:/a",), 60)
        assert lease is not None
        store.release(lease, 60)
        leases.append(lease)
    assert store.lease(b"0", ("path:/a",), 60) is not None
    assert store.lease(leases[-1].key, ("path:/a",), 60) is None
