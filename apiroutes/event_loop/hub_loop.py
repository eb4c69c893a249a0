"""asyncio's event loop, also in a native thread under gevent.

In: a pool for blocking functions. Out: a loop. Raises RuntimeError for a process started under gevent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib import import_module
from typing import Any

from apiroutes.event_loop.thread_pool import ThreadPool
from apiroutes.threads import native_threads

__all__ = ["new_event_loop"]


def new_event_loop(pool: ThreadPool) -> asyncio.AbstractEventLoop:
    """Create an event loop in the native thread that will run it; `pool` runs blocking functions."""
    # Resolving a name imports the codec, and gevent's import locks are not for several threads at once.
    "".encode("idna")
    loop = _HubLoop() if native_threads.are_greenlets() else asyncio.new_event_loop()
    loop.set_default_executor(pool)
    return loop


class _HubLoop(asyncio.SelectorEventLoop):
    """A loop that waits in the hub of its thread, and leaves blocking functions to native threads.

    Its sockets are gevent's, as all are under gevent, and libraries start greenlets on it where they
    mean threads: both need a hub that runs whenever the loop waits.
    """

    def __init__(self) -> None:
        super().__init__(import_module("gevent.selectors").GeventSelector())
        self._pool: ThreadPool | None = None

    def set_default_executor(self, executor: Any) -> None:
        """Let another executor than ours run blocking functions."""
        super().set_default_executor(executor)
        self._pool = executor if isinstance(executor, ThreadPool) else None

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Do what the base class does, without locks, which wait for hubs here."""
        if executor is not None or self._pool is None:
            return super().run_in_executor(executor, func, *args)
        future = self.create_future()

        def call() -> None:
            if future.cancelled():
                return
            result, error = None, None
            try:
                result = func(*args)
            except BaseException as raised:
                error = raised
            try:
                self.call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:  # the loop has ended, and nobody waits
                return
            finally:
                del error  # whose traceback leads here: a cycle would wait for the collector

        self._pool.post(call)
        return future

    async def subprocess_exec(self, *arguments: Any, **keywords: Any) -> Any:
        """Raise RuntimeError: gevent watches processes, and in its main thread only."""
        raise RuntimeError(
            "with gevent, a coroutine cannot start a process: call `subprocess` in a plain function, such "
            "as sync middleware or a handler without `async`"
        )

    subprocess_shell = subprocess_exec

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        """Do what the base class does, with the native function."""
        resolve = native_threads.original("socket", "getaddrinfo")
        return await self.run_in_executor(None, resolve, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        """Do what the base class does, with the native function."""
        return await self.run_in_executor(
            None, native_threads.original("socket", "getnameinfo"), sockaddr, flags
        )


def _settle(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, StopIteration):  # which a future takes for its own
        raised = RuntimeError("a function in a thread raised StopIteration")
        raised.__cause__ = error
        future.set_exception(raised)
    else:
        future.set_exception(error)
