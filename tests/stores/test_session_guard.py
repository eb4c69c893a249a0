"""The guard of a store of sessions: what reaches a store that has failed, and what counts as a failure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pytest

from apiroutes.stores.session_guard import GuardedSessionStore
from apiroutes.stores.session_store import Lifetime, SessionStore, SessionTooLarge, StoredSession
from apiroutes.stores.store import StoreError

KEY, NEW = b"key", b"new"
LIFE = Lifetime(60.0, 30.0)
CALLS: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: store.load(KEY, LIFE),
    "begin": lambda store: store.begin(KEY, {"a": b"1"}, LIFE, "owner"),
    "merge": lambda store: store.merge(KEY, {"a": b"1"}, ["b"], LIFE),
    "rename": lambda store: store.rename(KEY, NEW, "owner", LIFE),
    "end": lambda store: store.end(KEY),
    "end_all": lambda store: store.end_all("owner"),
}
# Whoever makes one of these has promised something to a user.
PROMISES = ["end", "end_all"]
WRITES = ["begin", "merge", "rename"]
RESULTS: dict[str, object] = {
    "load": StoredSession({"a": b"1"}, 1.0, "owner"),
    "begin": 1.0,
    "merge": True,
    "rename": True,
    "end": None,
    "end_all": 3,
}


class PlainStore:
    """A store of one answer to each question, or of one exception to all."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.error: Exception | None = None

    def load(self, key: bytes, lifetime: Lifetime) -> Any:
        return self._answer("load", key, lifetime)

    def begin(
        self, key: bytes, values: Mapping[str, bytes], lifetime: Lifetime, owner: str | None = None
    ) -> Any:
        return self._answer("begin", key, values, lifetime, owner)

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> Any:
        return self._answer("merge", key, changed, removed, lifetime)

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> Any:
        return self._answer("rename", key, new_key, owner, lifetime)

    def end(self, key: bytes) -> None:
        self._answer("end", key)

    def end_all(self, owner: str) -> Any:
        return self._answer("end_all", owner)

    def close(self) -> None:
        self._answer("close")

    def _answer(self, name: str, *arguments: object) -> Any:
        self.calls.append((name, *arguments))
        if self.error is not None:
            raise self.error
        return RESULTS.get(name)


@pytest.fixture
def inner() -> PlainStore:
    return PlainStore()


@pytest.fixture
def guarded(inner: PlainStore) -> GuardedSessionStore:
    return GuardedSessionStore(inner, "here", clock=lambda: 1000.0)


def fail(
    guarded: GuardedSessionStore, inner: PlainStore, times: int, error: Exception, call: str = "load"
) -> None:
    inner.error = error
    for _ in range(times):
        with pytest.raises((StoreError, SessionTooLarge)):
            CALLS[call](guarded)
    inner.error = None


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_passed_on_with_its_result(
    guarded: GuardedSessionStore, inner: PlainStore, call: str
) -> None:
    assert CALLS[call](guarded) == RESULTS[call]
    plain = PlainStore()
    CALLS[call](plain)
    assert inner.calls == plain.calls


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("error", [ValueError("odd"), OSError(5, "disk"), StoreError("gone")])
def test_whatever_goes_wrong_is_a_store_error(
    guarded: GuardedSessionStore, inner: PlainStore, call: str, error: Exception
) -> None:
    inner.error = error
    with pytest.raises(StoreError) as raised:
        CALLS[call](guarded)
    assert raised.value is error or raised.value.__cause__ is error


@pytest.mark.parametrize(
    ("failing", "refused", "subject"),
    [
        ("load", ["load"], "Reading sessions"),
        ("begin", WRITES, "Writing sessions"),
        ("merge", WRITES, "Writing sessions"),
        ("rename", WRITES, "Writing sessions"),
        ("end", WRITES, "Writing sessions"),
        ("end_all", WRITES, "Writing sessions"),
    ],
)
def test_after_three_failures_no_call_of_the_kind_reaches_the_store(
    guarded: GuardedSessionStore,
    inner: PlainStore,
    failing: str,
    refused: list[str],
    subject: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fail(guarded, inner, 3, OSError("the disk is gone"), failing)
    before = len(inner.calls)
    for call in refused:
        with pytest.raises(StoreError, match=f"^{subject} has failed several times in a row"):
            CALLS[call](guarded)
    assert len(inner.calls) == before
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("apiroutes", logging.WARNING)
    what = "use" if failing == "load" else "change"
    expected = f"{subject} (here) fails, and requests that {what} one get a 503 meanwhile: "
    assert record.getMessage() == f"{expected}OSError: the disk is gone"


@pytest.mark.parametrize("call", WRITES)
def test_a_store_that_can_be_read_and_not_written_is_not_written_for_a_time(
    guarded: GuardedSessionStore, inner: PlainStore, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        assert guarded.load(KEY, LIFE) == RESULTS["load"]
        fail(guarded, inner, 1, OSError("the disk is full"), call)
    with pytest.raises(StoreError, match="left alone"):
        CALLS[call](guarded)
    assert guarded.load(KEY, LIFE) == RESULTS["load"]
    assert [record.getMessage() for record in caplog.records] == [
        "Writing sessions (here) fails, and requests that change one get a 503 meanwhile: "
        "OSError: the disk is full"
    ]


@pytest.mark.parametrize("call", PROMISES)
def test_the_end_of_a_session_reaches_a_store_that_is_left_alone(
    guarded: GuardedSessionStore, inner: PlainStore, call: str
) -> None:
    for failing in ("load", "merge"):
        fail(guarded, inner, 3, StoreError("gone"), failing)
    assert CALLS[call](guarded) == RESULTS[call]


@pytest.mark.parametrize("call", PROMISES)
def test_the_end_of_a_session_does_not_show_that_others_can_be_written(
    guarded: GuardedSessionStore, inner: PlainStore, call: str
) -> None:
    for _ in range(3):
        assert CALLS[call](guarded) == RESULTS[call]  # which a server without memory can do
        fail(guarded, inner, 1, StoreError("full"), "merge")
    assert CALLS[call](guarded) == RESULTS[call]
    with pytest.raises(StoreError, match="left alone"):
        guarded.merge(KEY, {}, (), LIFE)


def test_a_session_that_is_too_large_is_no_failure(
    guarded: GuardedSessionStore, inner: PlainStore, caplog: pytest.LogCaptureFixture
) -> None:
    fail(guarded, inner, 10, SessionTooLarge(), "merge")
    assert guarded.merge(KEY, {}, (), LIFE) is True
    assert caplog.records == []


def test_a_session_that_is_too_large_shows_that_the_store_works(
    guarded: GuardedSessionStore, inner: PlainStore
) -> None:
    for _ in range(3):
        fail(guarded, inner, 2, StoreError("gone"), "merge")
        fail(guarded, inner, 1, SessionTooLarge(), "merge")
    assert guarded.merge(KEY, {}, (), LIFE) is True


def test_a_store_that_is_left_alone_is_closed(guarded: GuardedSessionStore, inner: PlainStore) -> None:
    fail(guarded, inner, 3, StoreError("gone"))
    guarded.close()
    assert inner.calls[-1] == ("close",)
