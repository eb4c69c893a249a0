"""Threads that wait for the one event loop of the process, and call functions for it meanwhile.

In: a coroutine. Out: its result or its error. Raises ApiError 503 while the loop is blocked, and
RuntimeError in a thread that would wait for itself.
The loop starts with the first waiter, and after a fork with the first waiter of the child.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
from collections.abc import Callable
from typing import Any, NoReturn

from apiroutes.errors import ApiError
from apiroutes.event_loop.loop import AwaitedLoop, Loop
from apiroutes.event_loop.watchdog import watch
from apiroutes.threads import native_threads, waiting

__all__ = [
    "Waiter",
    "caller",
    "loop_of_context",
    "refuse_waiters_of",
    "running_loop",
]

# The loop of the server that calls through ASGI.
caller: contextvars.ContextVar[AwaitedLoop] = contextvars.ContextVar("apiroutes.caller")


class Waiter:
    """A thread that waits for a task, and calls functions for it meanwhile."""

    __slots__ = (
        "_has_begun",
        "_is_cancelled",
        "_is_over",
        "_mailbox",
        "_thread",
        "is_expected",
        "loop",
        "task",
    )

    def __init__(self) -> None:
        self.loop: AwaitedLoop | None = None  # that it waits for
        self.task: asyncio.Task[Any] | None = None
        self.is_expected = False  # by the loop, which has, or may have, been given its function
        self._thread = 0
        # Functions to call, and pairs of a result and an error, which end the wait.
        self._mailbox: Any = native_threads.mailbox()
        self._is_over = False
        self._is_cancelled = False
        self._has_begun = False

    # In the thread that waits.

    def wait_for(
        self, loop: AwaitedLoop, function: Callable[..., object], *arguments: Any
    ) -> tuple[Any, BaseException | None]:
        """Call a function on the loop, and return the next result. Raises ApiError 503."""
        self.loop = loop
        thread = self._thread = native_threads.get_ident()
        waiters = waiting.waiters.setdefault(thread, [])
        waiters.append(self)
        try:
            if loop.is_blocked:
                _raise_blocked()
            # An interrupt may come when the loop has the function and `call` has not returned yet.
            self.is_expected = True
            try:
                loop.call(function, *arguments)
            except RuntimeError:  # it has just ended
                self.is_expected = False
                _raise_blocked()
            return self._take()
        except BaseException:  # the server ends this thread's wait, or the loop is blocked
            self._is_over = True
            self.cancel()
            raise
        finally:
            waiters.pop()
            if not waiters:
                waiting.waiters.pop(thread, None)

    def _take(self) -> tuple[Any, BaseException | None]:
        """Call functions until there is a result."""
        while True:
            item = self._mailbox.get()
            if type(item) is tuple:
                try:
                    return item
                finally:
                    del item  # the frames of a function that was called here lead to it: a cycle
            item()

    # In any thread.

    def post(self, item: object) -> bool:
        """Give the thread a function to call, or a result; return False when nobody waits any more."""
        if self._is_over:
            return False
        self._mailbox.put(item)
        return True

    def cancel(self) -> None:
        """Cancel the task, now or as soon as it begins."""
        self._is_cancelled = True
        if self.loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended, and the task with it
                self.loop.call(self._cancel_task)

    def close_unless_started(self, loop: AwaitedLoop, coroutine: Any) -> None:
        """Close a coroutine that was not given to the loop, which only the loop can tell."""

        def close() -> None:
            if self.task is None and not self._has_begun:
                coroutine.close()

        with contextlib.suppress(RuntimeError):  # it has ended, and the coroutine with it
            loop.call(close)

    def cancel_inside(self) -> None:
        """Cancel the tasks that the thread waits for inside of this one."""
        waiters = waiting.waiters.get(self._thread, [])
        for waiter in waiters[waiters.index(self) + 1 :] if self in waiters else ():
            waiter.cancel()

    def post_in_context(self, function: Callable[[], object]) -> bool:
        """Give the thread a function to call in the context of its request, which is the thread's own."""
        return self.post(function)

    def context(self) -> contextvars.Context:
        """Return the context for a function to call: a copy of the current one."""
        return contextvars.copy_context()

    # On the loop.

    def start(self, coroutine: Any) -> None:
        """Create the task."""
        waiting.current_waiter.set(self)
        main = self.main(coroutine)
        try:
            self.task = asyncio.get_running_loop().create_task(main)
        except BaseException as error:  # or the thread would wait for ever
            main.close()
            coroutine.close()
            self._mailbox.put((None, error))

    def start_with(self, function: Callable[[Waiter], Any]) -> None:
        """Create the task of a coroutine function that takes this waiter."""
        self.start(function(self))

    async def main(self, coroutine: Any) -> None:
        """Await the coroutine. Raises nothing: SystemExit, for example, would end the loop."""
        result, error = None, None
        self._has_begun = True
        try:
            if self._is_cancelled:
                coroutine.close()
                raise asyncio.CancelledError
            result = await coroutine
        except BaseException as raised:
            error = raised
        # A cycle would wait for the collector: the task has this waiter in its context, and the
        # traceback of the error leads here.
        self.task = None
        self._mailbox.put((result, error))
        del result, error

    def _cancel_task(self) -> None:
        # A task that is cancelled before it begins never runs, and its thread would wait for ever.
        if self.task is not None and self._has_begun:
            self.task.cancel()


def _raise_blocked() -> NoReturn:
    raise ApiError(503, "Service Unavailable")


def refuse_waiters_of(loop: AwaitedLoop) -> None:
    """Raise ApiError 503 in the threads that wait for a loop."""
    for waiters in list(waiting.waiters.values()):
        for waiter in list(waiters):
            if waiter.loop is loop:
                waiter.post(_raise_blocked)


# -- the loop that they wait for ---------------------------------------------------------------

_loop: Loop | None = None
_starting = native_threads.native_lock()


def loop_of_context() -> AwaitedLoop:
    """Return the caller's loop, or the process's own, which is started if need be."""
    loop = caller.get(None)
    return _own_loop() if loop is None or loop.has_ended() else loop


def running_loop() -> AwaitedLoop:
    """Return the loop of this context, for a thread to wait for. Raises RuntimeError on the loop itself."""
    loop = loop_of_context()
    if loop.thread == native_threads.native_ident():
        raise RuntimeError(
            "a coroutine called a function that waits for the event loop on which both run, and would "
            "wait forever: `await` an async function, and `await asyncio.to_thread(...)` a blocking one"
        )
    return loop


def _own_loop() -> Loop:
    global _loop
    loop = _loop
    if loop is None:
        with _starting:
            is_new = _loop is None
            loop = _loop = _loop or _start_loop()
        if is_new:
            loop.settle()
    return loop


def _start_loop() -> Loop:
    loop = Loop(refuse_waiters_of)
    try:
        watch(loop, lambda: bool(waiting.waiters))
    except BaseException:
        loop.stop()
        raise
    return loop


def _watch_loop() -> None:
    """Have the loop checked anew, if there is one: settings may want it checked more often."""
    if _loop is not None:
        _loop.watch()


waiting.settings.on_change = _watch_loop


def _forget() -> None:
    """Forget the loop and its waiters: a fork takes no threads along."""
    global _loop, _starting
    if _loop is not None:
        _loop.leave_to_parent()
    _loop = None
    _starting = native_threads.native_lock()
    waiting.waiters.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
