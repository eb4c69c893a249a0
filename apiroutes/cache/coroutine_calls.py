"""The calls of a coroutine function whose values are kept. Nothing here blocks its event loop.

In: a coroutine function. Out: for each call what is kept, or what it returns, computed on the loop and in the
context of the caller. Threads ask the store and wait for other processes; the coroutines of a loop wait for
one another without threads.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

from apiroutes.cache.current import collecting
from apiroutes.cache.flight import Flight, Taken, Turn
from apiroutes.cache.function_calls import FunctionCalls, Held, Keeping, computing, is_computing
from apiroutes.cache.response_cache import Cache
from apiroutes.event_loop import ThreadPool
from apiroutes.stores import Lease

__all__ = ["CoroutineCalls"]

_log = logging.getLogger("apiroutes")

_Result = TypeVar("_Result")


class _Leader:
    """The first coroutine of a loop that has asked for a key, at a generation of the store."""

    def __init__(self, generation: object) -> None:
        self.generation = generation
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.was_cancelled = False


class CoroutineCalls(FunctionCalls):
    """The calls of one coroutine function."""

    def __init__(self, function: Callable[..., Any], keeping: Keeping) -> None:
        super().__init__(function, keeping)
        self._leaders: dict[tuple[asyncio.AbstractEventLoop, bytes], _Leader] = {}
        self._refreshing: set[asyncio.Task[None]] = set()

    async def call(self, cache: Cache, key: bytes, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return what is kept, or what the function returns."""
        if is_computing(key):
            return await self.function(*args, **kwargs)
        until = time.monotonic() + cache.flight.timeout
        place = (asyncio.get_running_loop(), key)
        generation = cache.store.known_generation()
        if generation is None:
            generation = await _in_thread(cache.store.generation)
            held: Held | None = cache.hot.get_at_once(key)
            if held is not None:
                return held.use()
        while (leader := self._leaders.get(place)) is not None:
            # After a revalidation nobody waits for a computation that began before.
            if generation is None or leader.generation != generation:
                break
            await asyncio.wait((leader.ended,), timeout=max(0.0, until - time.monotonic()))
            held = cache.hot.get_at_once(key)
            if held is not None:
                return held.use()
            if not leader.was_cancelled:
                return await self._find(cache, key, generation, until, args, kwargs)
        return await self._lead(cache, key, generation, until, args, kwargs)

    async def _lead(
        self,
        cache: Cache,
        key: bytes,
        generation: object,
        until: float,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Do what `_find` does, while other coroutines of this loop wait for its end."""
        place = (asyncio.get_running_loop(), key)
        leader = self._leaders[place] = _Leader(generation)
        try:
            return await self._find(cache, key, generation, until, args, kwargs)
        except (asyncio.CancelledError, GeneratorExit):
            leader.was_cancelled = True
            raise
        finally:
            if self._leaders.get(place) is leader:
                del self._leaders[place]
            if not leader.ended.done() and not place[0].is_closed():
                leader.ended.set_result(None)

    async def _find(
        self,
        cache: Cache,
        key: bytes,
        generation: object,
        until: float,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Return what the store has, or compute it."""
        names = self.names_of(cache, key)
        accepts_stale = collecting.get(None) is None
        found = await _look(cache.flight, key, names, accepts_stale, max(0.0, until - time.monotonic()))
        taken = found if isinstance(found, Taken) else await self._compute(cache, key, found, args, kwargs)
        held = self.held(taken)
        if taken.lease is not None:
            self._refresh_soon(cache, key, taken.lease, args, kwargs)
        if held is None:
            await _in_thread(self.remove, cache, key)
            return await self.function(*args, **kwargs)
        self.heat(cache, key, held, generation, taken)
        return held.use()

    async def _compute(
        self, cache: Cache, key: bytes, turn: Turn, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Taken:
        names = self.names_of(cache, key)
        try:
            with computing(key, cache) as collection:
                value = await self.function(*args, **kwargs)
            computation = self.computation(cache, key, value, collection)
        except Exception as error:
            await asyncio.shield(_in_thread(cache.flight.fail, turn, names, error))
            raise
        except BaseException as error:  # it may no longer await
            _threads.post(partial(cache.flight.fail, turn, names, error))
            raise
        return await asyncio.shield(_in_thread(cache.flight.keep, turn, names, computation))

    # -- stale values ----------------------------------------------------------------------

    def _refresh_soon(
        self, cache: Cache, key: bytes, lease: Lease, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        """Have a stale value recomputed on this loop, in an empty context."""
        refresh = self._refresh_value(cache, key, lease, args, kwargs)
        task = contextvars.Context().run(asyncio.get_running_loop().create_task, refresh)
        self._refreshing.add(task)  # the loop itself keeps tasks weakly
        task.add_done_callback(self._refreshing.discard)

    async def _refresh_value(
        self, cache: Cache, key: bytes, lease: Lease, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        try:
            await self._compute(cache, key, Turn(lease, is_refresh=True), args, kwargs)
        except Exception as error:
            _log.error("a cached value could not be recomputed", exc_info=error)


# -- threads -----------------------------------------------------------------------------------

# As many as wait at once: each for another key, none for what runs on a loop.
_threads = ThreadPool(sys.maxsize, "apiroutes-cache")


def _in_thread(function: Callable[..., _Result], *args: Any) -> asyncio.Future[_Result]:
    return asyncio.wrap_future(_threads.submit(function, *args))


async def _look(
    flight: Flight, key: bytes, names: tuple[str, ...], accepts_stale: bool, timeout: float
) -> Taken | Turn:
    """Look into the store, and wait for other processes. A turn that comes too late is passed on."""
    look = partial(
        flight.look, lambda: key, names, accepts_stale=accepts_stale, holds_thread=False, timeout=timeout
    )
    future = _threads.submit(look)
    try:
        return await asyncio.shield(asyncio.wrap_future(future))
    except BaseException:
        future.add_done_callback(partial(_pass_on, flight))
        raise


def _pass_on(flight: Flight, future: Future[Taken | Turn]) -> None:
    if future.exception() is None and (lease := future.result().lease) is not None:
        _threads.post(partial(flight.give_up, lease))


def _forget() -> None:
    """Forget threads that a fork does not take along."""
    global _threads
    _threads = ThreadPool(sys.maxsize, "apiroutes-cache")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
