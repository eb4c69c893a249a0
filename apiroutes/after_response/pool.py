"""The threads of a worker that do the work after responses, and the tasks beside them.

In: the work of requests. Out: their functions' calls, each request's in order. A coroutine function runs on
the event loop, where it holds no thread. What runs into the time limit cannot be ended: it is logged and left
to itself, another thread takes its place, and the process is replaced if too much of it is left.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import deque
from functools import partial
from typing import Any

from apiroutes.after_response.calls import WorkCall
from apiroutes.after_response.work import Work
from apiroutes.concurrency import HandlerThread, HandlerThreads, coroutines
from apiroutes.errors import ApiError
from apiroutes.settings import Settings
from apiroutes.threads import native_threads

__all__ = ["WorkPool"]

_log = logging.getLogger("apiroutes")

# Seconds after which functions are tried again for which there was no thread.
_RETRY = 1.0
_BETWEEN_WARNINGS = 10.0  # seconds


class _Run:
    """A function that runs: in a thread, or as a task."""

    __slots__ = ("call", "runner", "until", "work")

    def __init__(self, work: Work, call: WorkCall, until: float) -> None:
        self.work = work
        self.call = call
        self.until = until
        self.runner: Any = None  # which can be abandoned


class WorkPool:
    """The pool of one App. The settings `after_threads`, `after_queue` and `after_timeout` bound it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = HandlerThreads(
            settings.max_abandoned_handlers,
            settings.abandon_timeout,
            "a function of after()",
            "its after_timeout",
        )
        # Of native threads also under gevent; nothing that may let another greenlet run is done inside.
        self._lock = native_threads.native_lock()
        self._waiting = 0  # functions that have not begun, and coroutines that have not ended
        self._busy = 0  # threads
        self._active = 0  # requests with functions that have not ended
        self._ready: deque[tuple[Work, WorkCall]] = deque()  # that wait for a thread
        self._running: set[_Run] = set()
        self._is_watched = False
        self._next_warning = 0.0
        self._emptied: Any = None  # the mailbox of `drain`
        self._process = os.getpid()

    # -- what is to be done ----------------------------------------------------------------

    def submit(self, work: Work) -> bool:
        """Take the functions of a request; return False, with a warning, where too many wait.

        Then `run_here` is to be called, in a thread that can wait for them.
        """
        if self._process != os.getpid():  # a fork takes no threads along
            self.__init__(self._settings)  # type: ignore[misc]
        with self._lock:
            count = len(work.calls)
            is_full = self._waiting + count > self._settings.after_queue
            begins = self._accept(work, count)
        if is_full and begins:
            self._warn()
            return False
        if begins:
            self._go_on(work)
        return True

    def _warn(self) -> None:
        """Warn that too many functions wait; not for each request, as there are many then."""
        now = time.monotonic()
        if now >= self._next_warning:
            self._next_warning = now + _BETWEEN_WARNINGS
            _log.warning(
                "More than %d functions of after() wait (after_queue): requests do their own work, and wait "
                "for it. Raise after_threads, or use a queue",
                self._settings.after_queue,
            )

    def submit_more(self, work: Work) -> None:
        """Take one more function of a request whose response has ended."""
        with self._lock:
            begins = self._accept(work, 1)
        if begins:
            self._go_on(work)

    def run_here(self, work: Work) -> None:
        """Call the functions of a request in this thread."""
        while (call := self._take(work)) is not None:
            with self._lock:
                self._waiting -= 1
            work.report(call, call.run())

    def _accept(self, work: Work, count: int) -> bool:
        """Count the functions; return whether none of the request's were being called. With the lock."""
        self._waiting += count
        begins, work.is_active = not work.is_active, True
        self._active += begins
        return begins

    def _take(self, work: Work) -> WorkCall | None:
        """Return the next function of a request; None at the end of its work."""
        with self._lock:
            if work.calls:
                return work.calls.popleft()
            work.is_active = False
            self._active -= 1
            emptied = None if self._active else self._emptied
        work.finish()
        if emptied is not None:
            emptied.put(None)
        return None

    def _go_on(self, work: Work) -> None:
        """Begin the next function of a request, where functions of its kind run."""
        call = self._take(work)
        if call is None:
            return
        if not call.is_async:
            with self._lock:
                self._ready.append((work, call))
            self._dispatch()
        elif native_threads.are_greenlets():  # a thread is one, and costs nothing while it waits
            self._start_thread(self._begin(work, call))
        else:
            self._start_task(self._begin(work, call))

    def _begin(self, work: Work, call: WorkCall) -> _Run:
        """Count a function as running. With the lock, if it waited for a thread."""
        run = _Run(work, call, time.monotonic() + self._settings.after_timeout)
        self._running.add(run)
        return run

    # -- in threads ------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Give the functions that wait to threads, as far as there are any."""
        has_room = True
        while has_room:
            with self._lock:
                if not self._ready or self._busy >= self._settings.after_threads:
                    return
                run = self._begin(*self._ready.popleft())
                self._busy += 1
                self._waiting -= 1
            has_room = self._start_thread(run)

    def _start_thread(self, run: _Run) -> bool:
        """Have a function run in a thread; return False where it has to wait for one after all."""
        try:
            thread = self._threads.take()
        except (ApiError, RuntimeError) as error:  # too many are abandoned, or the process ends
            if run.call.is_async:
                self._end_and_go_on(run, error)
            else:
                self._put_back(run)
            return False
        run.runner = thread
        thread.calls.put(partial(self._run_in_thread, run, thread))
        return True

    def _put_back(self, run: _Run) -> None:
        with self._lock:
            if self._remove(run):
                self._ready.appendleft((run.work, run.call))
                self._waiting += 1
        self._watch()

    def _run_in_thread(self, run: _Run, thread: HandlerThread) -> None:
        self._watch()
        error = run.call.run()
        with self._lock:
            is_expected = run in self._running
        if is_expected:  # otherwise the thread has been abandoned
            self._threads.give_back(thread)
        self._end_and_go_on(run, error)

    # -- on the event loop -----------------------------------------------------------------

    def _start_task(self, run: _Run) -> None:
        call = run.call
        run.runner = coroutines.in_background(call.context, call.bound, partial(self._end_and_go_on, run))
        try:
            run.runner.start()
        except RuntimeError as error:  # the process ends
            self._end_and_go_on(run, error)
        else:
            self._watch()

    # -- their end -------------------------------------------------------------------------

    def _end_and_go_on(self, run: _Run, error: BaseException | None) -> bool:
        """Note the end of a function, and begin the next; return False if it was given up before."""
        with self._lock:
            if not self._remove(run):
                return False
        run.work.report(run.call, error)
        self._go_on(run.work)
        self._dispatch()
        return True

    def _remove(self, run: _Run) -> bool:
        """Count a function as running no more; return False if it was not. With the lock."""
        if run not in self._running:
            return False
        self._running.remove(run)
        if run.call.is_async:
            self._waiting -= 1
        else:
            self._busy -= 1
        return True

    def _watch(self) -> None:
        """Have the time limit of what runs checked, and what waits begun, until there is neither."""
        with self._lock:
            begins, self._is_watched = not self._is_watched, True
        if begins:
            threading.Thread(target=self._check_limits, name="apiroutes-after-limit", daemon=True).start()

    def _check_limits(self) -> None:
        while True:
            now = time.monotonic()
            with self._lock:
                if not self._running and not self._ready:
                    self._is_watched = False
                    return
                late = [run for run in self._running if run.until <= now]
                limits = [run.until for run in self._running]
                if self._ready:
                    limits.append(now + _RETRY)
            for run in late:
                self._give_up(run)
            self._dispatch()  # an abandoned thread may have ended
            time.sleep(max(0.0, min(limits) - now))

    def _give_up(self, run: _Run) -> None:
        """Leave a function that takes too long to itself, and go on without it."""
        with self._lock:
            if run.runner is None or not self._remove(run):
                return
        error = TimeoutError(f"it has not ended within after_timeout, {self._settings.after_timeout:g} s")
        run.work.report(run.call, error.with_traceback(run.runner.current_traceback()))
        self._threads.abandon(run.runner)
        self._go_on(run.work)
        self._dispatch()

    # -- the end of the process ------------------------------------------------------------

    def drain(self, within: float) -> None:
        """Wait at most so many seconds until no work is left; what is left then is cancelled and logged.

        Not on the event loop, which may have to do some of the work.
        """
        with self._lock:
            if not self._active or self._process != os.getpid():
                return
            self._emptied = native_threads.mailbox()
        try:
            self._emptied.get(timeout=within)
        except queue.Empty:
            self._lose_rest()
        finally:
            self._emptied = None

    def _lose_rest(self) -> None:
        with self._lock:
            runs = sorted(self._running, key=lambda run: run.until)
            waiting = list(self._ready)
            works = {id(work): work for work in [run.work for run in runs] + [work for work, _ in waiting]}
            self._ready.clear()
            self._running.clear()
            self._waiting = self._busy = self._active = 0
            lost = [(run.work, run.call) for run in runs] + waiting
            for work in works.values():
                lost += [(work, call) for call in work.calls]
                work.calls.clear()
                work.is_active = False
        for run in runs:
            if run.runner is not None:
                run.runner.end()
        for work, call in lost:
            work.lose(call)
        for work in works.values():
            work.finish()
