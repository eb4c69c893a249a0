"""`register` as one task of an event loop, from its start to its end.

In: the function, and its life. Out: the values that it makes, and its end. Coroutines of handlers run on the
same loop, so a client that is made here works in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from apiroutes.event_loop import running_loop
from apiroutes.lifespan.failures import MisuseError
from apiroutes.lifespan.in_thread import NEVER_YIELDED, YIELDED_TWICE
from apiroutes.lifespan.life import Life
from apiroutes.lifespan.moments import Moment
from apiroutes.threads import native_threads

__all__ = ["TaskRunner", "stop_on_loop", "wait"]


async def stop_on_loop(stop: Callable[[], object]) -> None:
    """Call a function that may wait, in a thread, while the loop continues. Raises its error."""
    ended = Moment()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            stop()
        except BaseException as error:
            raised.append(error)
        ended.come()

    native_threads.start_native_thread(run, "apiroutes-stop")
    while not await wait(ended, 3600):
        continue
    if raised:
        raise raised.pop()


async def wait(moment: Moment, seconds: float) -> bool:
    """Wait for a moment, at most so many seconds; return whether it has come."""
    if moment.has_come:
        return True
    loop = asyncio.get_running_loop()
    arrived = loop.create_future()

    def settle() -> None:
        if not arrived.done():
            arrived.set_result(None)

    def notify() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(settle)

    moment.call_then(notify)
    await asyncio.wait((arrived,), timeout=max(0.0, seconds))
    return moment.has_come


class TaskRunner:
    """Runs a coroutine function, or an async generator function.

    `on_this_loop`: on the loop that runs in this thread, which belongs to a server; otherwise on the
    process's own loop.
    """

    def __init__(self, register: Callable[[], Any], life: Life, *, on_this_loop: bool) -> None:
        self._register = register
        self._life = life
        self._is_on_this_loop = on_this_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._made: Any = None
        self._resumed: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_given_up = False

    def begin(self) -> None:
        """Begin to run it. Raises RuntimeError on the process's own loop."""
        if self._is_on_this_loop:
            self._create_task()
        else:
            running_loop().call(self._create_task)

    def resume(self, seconds: float) -> None:
        """Resume it after its `yield`. A loop that has been stopped is run here."""
        loop, task = self._loop, self._task
        if loop is None or task is None or self._resumed is None:
            return
        if loop.is_running() or loop.is_closed():
            self._call(self._resumed.set)
        else:
            self._resumed.set()
            with contextlib.suppress(RuntimeError):  # it runs after all
                loop.run_until_complete(asyncio.wait((task,), timeout=seconds))

    def give_up(self) -> None:
        """Cancel it."""
        self._is_given_up = True
        if self._task is not None:
            self._call(self._task.cancel)

    def is_here(self) -> bool:
        """Return whether it runs on the event loop of this thread."""
        return self._loop is not None and asyncio._get_running_loop() is self._loop

    def frames(self) -> list[FrameType]:
        """Return its current frames, the outermost first."""
        waiting = _frames_of(self._made)
        running: list[FrameType] = []
        frame = sys._current_frames().get(self._thread)
        while frame is not None:
            running.insert(0, frame)
            if waiting and frame is waiting[0]:  # the loop is executing it
                return running
            frame = frame.f_back
        return waiting

    def _call(self, function: Callable[[], object]) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop was closed without ending its tasks first
            if not self._life.ended.has_come:
                message = "the event loop was closed before `register` could continue"
                self._life.has_ended(RuntimeError(message))

    # On the loop.

    def _create_task(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = native_threads.native_ident()
        self._resumed = asyncio.Event()
        # It belongs to no request, and must see no context variables of one.
        self._task = contextvars.Context().run(self._loop.create_task, self._run())

    async def _run(self) -> None:
        try:
            await self._live()
        except BaseException as error:
            is_cancelled = self._is_given_up and isinstance(error, asyncio.CancelledError)
            self._life.has_ended(None if is_cancelled else error)
        else:
            self._life.has_ended()

    async def _live(self) -> None:
        self._made = self._register()
        if not inspect.isasyncgen(self._made):
            self._life.has_made(await self._made)
            return
        try:
            first = await self._made.__anext__()
        except StopAsyncIteration:
            raise MisuseError(*NEVER_YIELDED) from None
        if self._life.has_made(first):
            await self._wait_for_end()
        try:
            await self._made.__anext__()
        except StopAsyncIteration:
            return
        await self._made.aclose()
        raise MisuseError(*YIELDED_TWICE)

    async def _wait_for_end(self) -> None:
        """Wait until it is to continue, the loop ends, or a task group that it has open ends.

        The last two cancel this task. A task group raises its error when `register` leaves its block.
        """
        assert self._resumed is not None
        with contextlib.suppress(asyncio.CancelledError):
            await self._resumed.wait()


# The attributes of coroutines and generators: the frame, and what it waits for.
_KINDS = (("cr_frame", "cr_await"), ("ag_frame", "ag_await"), ("gi_frame", "gi_yieldfrom"))


def _frames_of(awaited: Any) -> list[FrameType]:
    """Return the frames of a waiting coroutine or generator, the outermost first."""
    frames: list[FrameType] = []
    while True:
        kind = next((kind for kind in _KINDS if getattr(awaited, kind[0], None) is not None), None)
        if kind is None:
            return frames
        frames.append(getattr(awaited, kind[0]))
        awaited = getattr(awaited, kind[1])
