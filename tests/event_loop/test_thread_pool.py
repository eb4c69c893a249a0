"""The pool of threads in which an event loop runs blocking functions."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from apiroutes.event_loop.thread_pool import ThreadPool


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    pool = ThreadPool()
    yield pool
    pool.shutdown()
    pool.join(30)


def test_a_future_has_the_result(pool: ThreadPool) -> None:
    assert pool.submit(divmod, 7, 2).result(30) == (3, 1)


def test_a_future_has_the_exception(pool: ThreadPool) -> None:
    assert isinstance(pool.submit(divmod, 7, 0).exception(30), ZeroDivisionError)


def test_calls_run_at_the_same_time(pool: ThreadPool) -> None:
    barrier = threading.Barrier(3)
    futures = [pool.submit(barrier.wait, 30) for _ in range(3)]
    assert sorted(future.result(30) for future in futures) == [0, 1, 2]


def test_calls_that_were_accepted_run_before_the_end(pool: ThreadPool) -> None:
    gate = threading.Event()
    futures = [pool.submit(gate.wait, 30) for _ in range(50)]
    pool.shutdown()
    gate.set()
    assert [future.result(30) for future in futures] == [True] * 50


def test_no_call_is_accepted_after_the_end(pool: ThreadPool) -> None:
    pool.shutdown()
    with pytest.raises(RuntimeError, match="the event loop has ended"):
        pool.submit(int)


def test_an_expected_thread_takes_the_next_call(pool: ThreadPool) -> None:
    thread = threading.Thread(target=pool.work)
    pool.expect()
    future = pool.submit(threading.get_ident)
    thread.start()
    assert future.result(30) == thread.ident
    pool.shutdown()
    thread.join(30)
