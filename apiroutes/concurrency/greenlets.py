"""Threads of the system's, also where gevent has made greenlets of those of `threading`. The only
file that meets gevent, and only where it has been imported by somebody else.

In: functions to run. Out: native threads, what they wait at, and a mailbox that a greenlet waits at
without stopping the others of its thread. Raises nothing of its own.

gevent may replace the names of the standard library at any time, before this file is imported or
after, so that whatever is native is looked up when it is needed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from types import FrameType
from typing import Any, TypeVar

__all__ = [
    "Pool",
    "are_greenlets",
    "frame_finder",
    "get_ident",
    "join_main_thread",
    "mailbox",
    "native_ident",
    "native_lock",
    "native_queue",
    "new_event_loop",
    "share_logging",
    "start_last_thread",
    "start_native_thread",
]

_Result = TypeVar("_Result")


def are_greenlets() -> bool:
    """Whether what `threading` starts are greenlets."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _native(module: str, name: str) -> Any:
    """What a module of the standard library had under a name before gevent changed it."""
    monkey: Any = sys.modules.get("gevent.monkey")
    return getattr(import_module(module), name) if monkey is None else monkey.get_original(module, name)


def get_ident() -> int:
    """The number of the current thread, or greenlet."""
    return threading.get_ident()


def native_ident() -> int:
    """The number of the current thread of the system's."""
    ident: int = _native("_thread", "get_ident")()
    return ident


def native_queue() -> queue.SimpleQueue[Any]:
    """A queue between threads of the system's. Waiting for it stops all greenlets of the thread."""
    made: queue.SimpleQueue[Any] = _native("queue", "SimpleQueue")()
    return made


def native_lock() -> threading.Lock:
    """A lock between threads of the system's, which greenlets of one thread do not share."""
    made: threading.Lock = _native("_thread", "allocate_lock")()
    return made


def frame_finder() -> Callable[[], FrameType | None]:
    """What finds, for others, the innermost frame of the current thread or greenlet."""
    if are_greenlets():
        current = weakref.ref(import_module("greenlet").getcurrent())
        return lambda: getattr(current(), "gr_frame", None)
    ident = threading.get_ident()
    return lambda: sys._current_frames().get(ident)


# -- threads -----------------------------------------------------------------------------------


def start_native_thread(function: Callable[[], object], name: str) -> None:
    """Run a function in a thread of the system's, for which the end of the process does not wait."""
    if not are_greenlets():
        threading.Thread(target=function, name=name, daemon=True).start()
        return

    def run() -> None:
        threading.current_thread().name = name
        function()

    _native("_thread", "start_new_thread")(run, ())


def start_last_thread(function: Callable[[], object], name: str) -> None:
    """Run a function in a thread, or greenlet, whose end the process waits for."""
    if are_greenlets() and not import_module("gevent").get_hub().main_hub:
        return  # nobody would run it once the main thread has ended
    threading.Thread(target=function, name=name, daemon=False).start()


def join_main_thread() -> None:
    """Wait until the main thread has ended."""
    threading.main_thread().join()


class Pool(ThreadPoolExecutor):
    """The native threads of an event loop, for which the end of the process does not wait.

    The standard one takes nothing more as soon as the main thread ends, when background tasks have
    yet to clean up, and makes greenlets where gevent is.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls = native_queue()
        self._lock = native_lock()
        self._most = self._max_workers
        self._idle = 0
        self._working = 0  # threads
        self._is_over = False
        self._ended = native_queue()

    def submit(self, function: Callable[..., _Result], /, *args: Any, **kwargs: Any) -> Future[_Result]:
        """Run a function with arguments. Raises RuntimeError after the end, or without threads."""
        future: Future[_Result] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self.post(call)
        return future

    def post(self, call: Callable[[], object]) -> None:
        """Call what raises nothing. Raises RuntimeError after the end, or without threads."""
        with self._lock:
            if self._is_over:
                raise RuntimeError("the event loop has ended, and its threads with it")
            is_taken = self._idle > 0
            if is_taken:
                self._idle -= 1
            elif self._working < self._most:
                try:
                    start_native_thread(lambda: self._work(is_idle=False), "apiroutes-loop-thread")
                except RuntimeError:  # too many threads, or the process ends
                    if not self._working:
                        raise
                else:
                    self._working += 1
            self._calls.put(call)

    def expect(self) -> None:
        """Count on one more thread, which will call `work`: by then it may be that no other can begin."""
        with self._lock:
            self._working += 1
            self._idle += 1

    def work(self) -> None:
        """Be that thread, until the end."""
        self._work(is_idle=False)

    def _work(self, *, is_idle: bool) -> None:
        while True:
            if is_idle:
                with self._lock:
                    self._idle += 1
            is_idle = True
            call = self._calls.get()
            if call is None:
                break
            call()
            del call  # or its arguments would live until the next one comes
            _let_hub_run()
        self._ended.put(None)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more, and end the threads when they have done what they have."""
        with self._lock:
            if not self._is_over:
                self._is_over = True
                for _ in range(self._working):
                    self._calls.put(None)
        super().shutdown(wait=False)

    def join(self, seconds: float) -> None:
        """Wait for the end of the threads, but no longer than that."""
        until = time.monotonic() + seconds
        with contextlib.suppress(queue.Empty):
            for _ in range(self._working):
                self._ended.get(timeout=max(0.0, until - time.monotonic()))


def _let_hub_run() -> None:
    """Let a hub that a call has made in this native thread wake those in others who wait for it."""
    local: Any = sys.modules.get("gevent._hub_local")
    if local is not None and local.get_hub_if_exists() is not None:
        import_module("gevent").sleep(0)


# -- what a greenlet waits at ------------------------------------------------------------------


def mailbox() -> Any:
    """What a thread, or greenlet, waits at for another thread: with `put`, and `get` with a time-out.

    `get` raises `queue.Empty` after so many seconds.
    """
    return _Mailbox() if are_greenlets() else native_queue()


class _Mailbox:
    """A queue that one greenlet at a time waits at, and that any native thread puts into."""

    __slots__ = ("_bell", "_items")

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._bell: Any = None  # of the hub of the greenlet that waits

    def put(self, item: Any) -> None:
        self._items.append(item)
        bell = self._bell
        if bell is not None:
            try:
                bell.send()
            except Exception:  # it has just been closed: nobody waits any more
                return

    def get(self, timeout: float | None = None) -> Any:
        items = self._items
        if not items:
            gevent = import_module("gevent")
            hub = gevent.get_hub()
            waiter = gevent.hub.Waiter(hub)
            bell = hub.loop.async_()
            bell.start(waiter.switch, None)
            self._bell = bell  # from here on a `put` rings; what came before is seen below
            try:
                with gevent.Timeout(timeout, False):
                    while not items:
                        waiter.get()
                        waiter.clear()
            finally:
                self._bell = None
                bell.stop()
                bell.close()
        try:
            return items.popleft()
        except IndexError:
            raise queue.Empty from None


# -- locks -------------------------------------------------------------------------------------


class _Lock:
    """A reentrant lock for greenlets of several native threads.

    gevent's own wakes greenlets of one thread. Between threads it forgets some, which then wait for a
    lock that nobody holds. So a greenlet waits for the others of its thread at one of gevent's, and
    for the other threads at a native one, which stops its thread for as long as they hold it.
    """

    def __init__(self) -> None:
        self._at_fork_reinit()

    def _at_fork_reinit(self) -> None:  # which `logging` calls
        self._of_threads: dict[int, Any] = {}  # by the number of the native thread
        self._native = _native("_thread", "RLock")()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        ident = native_ident()
        own = self._of_threads.get(ident)
        if own is None:
            own = self._of_threads.setdefault(ident, import_module("gevent.lock").RLock())
        if not own.acquire(blocking, None if timeout < 0 else timeout):
            return False
        is_taken = False
        try:
            is_taken = bool(self._native.acquire(blocking, timeout))
        finally:
            if not is_taken:
                own.release()
        return is_taken

    def release(self) -> None:
        self._native.release()
        self._of_threads[native_ident()].release()

    __enter__ = acquire

    def __exit__(self, *exc_info: object) -> None:
        self.release()


def share_logging() -> None:
    """Have `logging` wait by locks that the threads of an event loop can share with greenlets."""
    if not are_greenlets():
        return
    if logging.Handler.createLock is not _create_lock:
        logging.Handler.createLock = _create_lock  # type: ignore[method-assign, assignment]
    for handler in [reference() for reference in logging._handlerList]:  # type: ignore[attr-defined]
        if handler is not None:
            _replace_lock(handler, "lock")
    _replace_lock(logging, "_lock")


_create_native_lock = logging.Handler.createLock


def _create_lock(handler: logging.Handler) -> None:
    _create_native_lock(handler)  # which also remembers the handler for a fork
    if are_greenlets():
        _replace_lock(handler, "lock")


def _replace_lock(owner: Any, name: str) -> None:
    lock = getattr(owner, name, None)
    if lock is None or isinstance(lock, _Lock) or not lock.acquire(blocking=False):
        return
    setattr(owner, name, _Lock())
    lock.release()


# -- the event loop ----------------------------------------------------------------------------


def new_event_loop(pool: Pool) -> asyncio.AbstractEventLoop:
    """An event loop for a native thread, which has to make it itself; `pool` runs what blocks."""
    # Resolving a name imports the codec, and gevent's import locks are not for several threads at once.
    "".encode("idna")
    loop = _HubLoop() if are_greenlets() else asyncio.new_event_loop()
    loop.set_default_executor(pool)
    return loop


class _HubLoop(asyncio.SelectorEventLoop):
    """A loop that waits in the hub of its thread, and leaves what blocks to native threads.

    Its sockets are gevent's, as everybody's are, and libraries start what they take for threads on
    it: it takes a hub that runs whenever the loop waits for that to work.
    """

    def __init__(self) -> None:
        super().__init__(import_module("gevent.selectors").GeventSelector())
        self._pool: Pool | None = None

    def set_default_executor(self, executor: Any) -> None:
        """Have another one than ours run what blocks."""
        super().set_default_executor(executor)
        self._pool = executor if isinstance(executor, Pool) else None

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """As the base class does it; without locks, which wait for hubs here."""
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
                del error  # whose traceback leads here: what leads to itself waits for the collector

        self._pool.post(call)
        return future

    async def subprocess_exec(self, *arguments: Any, **keywords: Any) -> Any:
        """Raises RuntimeError: gevent looks after processes, and in its main thread only."""
        raise RuntimeError(
            "under gevent a coroutine starts no process: start it in a plain function, such as sync "
            "middleware or a handler without `async`, by `subprocess`"
        )

    subprocess_shell = subprocess_exec

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        """As the base class does it, with the native function."""
        resolve = _native("socket", "getaddrinfo")
        return await self.run_in_executor(None, resolve, host, port, family, type, proto, flags)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        """As the base class does it, with the native function."""
        return await self.run_in_executor(None, _native("socket", "getnameinfo"), sockaddr, flags)


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
