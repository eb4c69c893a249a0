"""The guard of a store: when it is left alone, and when it is tried again."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from apiroutes.stores.guard import GuardedStore
from apiroutes.stores.store import Entry, Lease, Mode, Store, StoreError

KEY = b"key"
ENTRY = Entry(b"content", ("path:/a",), 60)
LEASE = Lease(KEY, 1, b"epoch", b"token")

CALLS: dict[str, Callable[[Store], object]] = {
    "get": lambda store: store.get(KEY),
    "put": lambda store: store.put(KEY, ENTRY, LEASE),
    "remove": lambda store: store.remove(KEY),
    "begin": lambda store: store.begin(KEY),
    "lease": lambda store: store.lease(KEY, ("path:/a",), 10, at_once=True),
    "release": lambda store: store.release(LEASE, 1),
    "bump": lambda store: store.bump("path:/a", "stale"),
    "clear": lambda store: store.clear(),
    "stats": lambda store: store.stats(),
}
# Whoever makes one of these has promised something to others.
PROMISES = ["bump", "clear"]
OTHERS = [call for call in CALLS if call not in PROMISES]
RESULTS: dict[str, object] = {
    "get": ENTRY,
    "put": True,
    "remove": None,
    "begin": LEASE,
    "lease": LEASE,
    "release": None,
    "bump": None,
    "clear": None,
    "stats": {"entries": 1},
}


class PlainStore:
    """A store of one answer to each question, or of one exception to all."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.error: BaseException | None = None

    def get(self, key: bytes) -> Any:
        return self._answer("get", key)

    def put(self, key: bytes, entry: Entry, lease: Lease) -> Any:
        return self._answer("put", key, entry, lease)

    def remove(self, key: bytes) -> Any:
        return self._answer("remove", key)

    def begin(self, key: bytes) -> Any:
        return self._answer("begin", key)

    def lease(self, key: bytes, names: Sequence[str], seconds: float, *, at_once: bool = False) -> Any:
        return self._answer("lease", key, names, seconds, at_once)

    def release(self, lease: Lease, retry_after: float | None = None) -> Any:
        return self._answer("release", lease, retry_after)

    def bump(self, name: str, mode: Mode) -> Any:
        return self._answer("bump", name, mode)

    def clear(self) -> Any:
        return self._answer("clear")

    def stats(self) -> Any:
        return self._answer("stats")

    def known_generation(self) -> object:
        return self.generation()

    def generation(self) -> object:
        return 7

    def close(self) -> None:
        self._answer("close")

    def _answer(self, name: str, *arguments: object) -> Any:
        self.calls.append((name, *arguments))
        if self.error is not None:
            raise self.error
        return RESULTS.get(name)


class Guarded:
    """A guarded store, with the store behind it and the clock that it goes by."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.inner = PlainStore()
        self.store = GuardedStore(self.inner, "here", clock=lambda: self.time)

    def fail(self, times: int = 1, error: BaseException | None = None) -> None:
        self.inner.error = error or StoreError("gone")
        for _ in range(times):
            with pytest.raises(StoreError):
                self.store.get(KEY)
        self.inner.error = None

    def reaches(self, call: str = "get") -> bool:
        """Whether a call reaches the store behind."""
        before = len(self.inner.calls)
        try:
            CALLS[call](self.store)
        except StoreError:
            assert len(self.inner.calls) == before
        return len(self.inner.calls) > before

    def reaches_failing(self) -> bool:
        """Whether a call reaches the store behind, which fails."""
        before = len(self.inner.calls)
        self.fail()
        return len(self.inner.calls) > before


@pytest.fixture
def guarded() -> Guarded:
    return Guarded()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_passed_on_with_its_result(guarded: Guarded, call: str) -> None:
    assert CALLS[call](guarded.store) == RESULTS[call]
    plain = PlainStore()
    CALLS[call](plain)
    assert guarded.inner.calls == plain.calls


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "error", [ValueError("odd"), OSError(5, "disk"), StoreError("gone"), RecursionError()]
)
def test_whatever_goes_wrong_is_a_store_error(guarded: Guarded, call: str, error: Exception) -> None:
    guarded.inner.error = error
    with pytest.raises(StoreError) as raised:
        CALLS[call](guarded.store)
    assert raised.value is error or raised.value.__cause__ is error


@pytest.mark.parametrize("call", OTHERS)
def test_after_three_failures_no_call_reaches_the_store(guarded: Guarded, call: str) -> None:
    guarded.fail(2)
    assert guarded.store.generation() == 7
    guarded.fail(1, OSError("gone"))
    assert not guarded.reaches(call)
    assert guarded.store.generation() is None


def test_failures_of_different_calls_are_counted_together(guarded: Guarded) -> None:
    guarded.inner.error = StoreError("gone")
    for call in ["put", "bump", "stats"]:
        with pytest.raises(StoreError):
            CALLS[call](guarded.store)
    assert not guarded.reaches()


def test_a_success_begins_the_count_anew(guarded: Guarded) -> None:
    for _ in range(5):
        guarded.fail(2)
        guarded.store.stats()
    assert guarded.reaches()


@pytest.mark.parametrize("call", OTHERS)
def test_after_a_second_one_success_lets_all_through_again(guarded: Guarded, call: str) -> None:
    guarded.fail(3)
    guarded.time += 0.999
    assert not guarded.reaches(call)
    guarded.time += 0.002
    assert CALLS[call](guarded.store) == RESULTS[call]
    assert guarded.store.generation() == 7
    assert guarded.reaches()
    guarded.fail(2)
    assert guarded.reaches()


def test_the_pause_doubles_to_half_a_minute(guarded: Guarded) -> None:
    guarded.fail(3)
    pauses = []
    for _ in range(8):
        began = guarded.time
        while not guarded.reaches_failing():
            guarded.time += 0.25
        pauses.append(guarded.time - began)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_first_pause_after_a_recovery_is_a_second_again(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.time += 1
    guarded.fail(1)
    guarded.time += 2
    assert guarded.reaches()
    guarded.fail(3)
    guarded.time += 1
    assert guarded.reaches()


def test_one_call_alone_is_let_through_as_a_trial(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.time += 1
    began, may_end = threading.Event(), threading.Event()

    def trial() -> None:
        began.set()
        assert may_end.wait(20)

    guarded.inner.clear = trial  # type: ignore[method-assign]
    thread = threading.Thread(target=guarded.store.clear)
    thread.start()
    assert began.wait(20)
    guarded.time += 100
    assert not guarded.reaches()
    may_end.set()
    thread.join()
    assert guarded.reaches()


def test_a_fork_during_a_trial_tries_for_itself(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.time += 1

    def fork() -> dict[str, Any]:
        child = os.fork()
        if child == 0:
            os._exit(0 if guarded.reaches() else 1)
        return {"status": os.waitpid(child, 0)[1]}

    guarded.inner.stats = fork  # type: ignore[method-assign]
    assert guarded.store.stats() == {"status": 0}


def test_a_call_that_began_before_changes_nothing_later(guarded: Guarded) -> None:
    """Neither does its success end the pause, nor does its failure begin another."""
    began, may_end = threading.Barrier(3), threading.Event()

    def succeed() -> None:
        began.wait(20)
        assert may_end.wait(20)

    def fail() -> dict[str, Any]:
        succeed()
        raise StoreError("late")

    guarded.inner.clear = succeed  # type: ignore[method-assign]
    guarded.inner.stats = fail  # type: ignore[method-assign]
    errors: list[StoreError] = []

    def call_stats() -> None:
        try:
            guarded.store.stats()
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded.store.clear), threading.Thread(target=call_stats)]
    for thread in threads:
        thread.start()
    began.wait(20)
    guarded.fail(3)
    may_end.set()
    for thread in threads:
        thread.join()
    assert str(errors[0]) == "late"
    assert not guarded.reaches()
    guarded.time += 1
    assert guarded.reaches()


def test_what_interrupts_a_trial_is_no_failure_of_the_store(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.time += 1
    guarded.inner.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        guarded.store.get(KEY)
    guarded.inner.error = None
    assert guarded.reaches()


@pytest.mark.parametrize("call", PROMISES)
@pytest.mark.parametrize("passed", [0, 0.5, 1, 100])
def test_a_promise_reaches_a_store_that_is_left_alone_and_ends_that(
    guarded: Guarded, call: str, passed: float
) -> None:
    guarded.fail(3)
    guarded.time += passed
    before = len(guarded.inner.calls)
    CALLS[call](guarded.store)
    assert [name for name, *_ in guarded.inner.calls[before:]] == [call]
    assert guarded.store.generation() == 7
    assert guarded.reaches()


@pytest.mark.parametrize("call", PROMISES)
def test_a_promise_that_is_broken_early_leaves_the_pause_as_it_is(guarded: Guarded, call: str) -> None:
    guarded.fail(3)
    for _ in range(3):
        guarded.time += 0.3
        guarded.inner.error = StoreError("gone")
        with pytest.raises(StoreError, match="gone"):
            CALLS[call](guarded.store)
        guarded.inner.error = None
        assert not guarded.reaches()
        assert guarded.store.generation() is None
    guarded.time += 0.2
    assert guarded.reaches()


@pytest.mark.parametrize("call", PROMISES)
def test_a_promise_that_is_broken_when_it_is_time_doubles_the_pause(guarded: Guarded, call: str) -> None:
    guarded.fail(3)
    guarded.time += 1
    guarded.inner.error = StoreError("gone")
    with pytest.raises(StoreError):
        CALLS[call](guarded.store)
    guarded.inner.error = None
    guarded.time += 1.75
    assert not guarded.reaches()
    guarded.time += 0.5
    assert guarded.reaches()


@pytest.mark.parametrize("call", PROMISES)
def test_an_interrupted_promise_leaves_one_trial(guarded: Guarded, call: str) -> None:
    guarded.fail(3)
    guarded.inner.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        CALLS[call](guarded.store)
    guarded.inner.error = None
    assert not guarded.reaches()
    guarded.time += 1
    began, may_end = threading.Event(), threading.Event()

    def trial() -> dict[str, Any]:
        began.set()
        assert may_end.wait(20)
        return {}

    guarded.inner.stats = trial  # type: ignore[method-assign]
    thread = threading.Thread(target=guarded.store.stats)
    thread.start()
    assert began.wait(20)
    assert not guarded.reaches()
    may_end.set()
    thread.join()


def test_a_promise_during_a_trial_reaches_the_store(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.time += 1
    reached: list[bool] = []

    def trial() -> dict[str, Any]:
        reached.append(guarded.reaches("bump"))
        return {}

    guarded.inner.stats = trial  # type: ignore[method-assign]
    guarded.store.stats()
    assert reached == [True]


def test_one_record_says_that_it_fails_and_one_that_it_works(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    guarded.fail(1, OSError("the disk is gone"))
    expected = "The cache's store (here) fails, and answers are computed and not kept meanwhile: "
    assert messages(caplog) == [f"{expected}OSError: the disk is gone"]
    guarded.fail(2)
    guarded.time += 30
    guarded.fail(1)
    assert len(caplog.records) == 1
    guarded.time += 30
    assert guarded.reaches()
    guarded.reaches()
    assert messages(caplog)[1:] == ["The cache's store (here) works again"]
    assert {(record.name, record.levelno) for record in caplog.records} == {("apiroutes", logging.WARNING)}


def test_as_long_as_it_fails_there_is_a_record_in_a_minute(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    guarded.fail(3)
    for _ in range(10):
        guarded.time += 30
        guarded.fail(1)
    assert len(caplog.records) == 6


def test_a_store_that_fails_now_and_then_does_not_fill_the_log(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(60):
        guarded.fail(1)
        assert guarded.reaches()
        guarded.time += 2
    assert ["works again" in message for message in messages(caplog)] == [False, True, False, True]


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_many_threads_log_one_record(guarded: Guarded, caplog: pytest.LogCaptureFixture) -> None:
    guarded.inner.error = StoreError("gone")

    def call() -> None:
        for _ in range(50):
            with pytest.raises(StoreError):
                guarded.store.get(KEY)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(caplog.records) == 1


def test_a_store_that_is_left_alone_is_closed(guarded: Guarded) -> None:
    guarded.fail(3)
    guarded.store.close()
    assert guarded.inner.calls[-1] == ("close",)


def test_a_store_that_does_not_close_is_a_store_error(guarded: Guarded) -> None:
    guarded.inner.error = OSError("busy")
    with pytest.raises(StoreError):
        guarded.store.close()
