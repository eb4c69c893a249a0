"""The threads and tasks of a worker that do the work after responses.

In: the work of requests. Out: the calls of their functions, in order for each request. A coroutine function
runs on the event loop, where it holds no thread. A function that exceeds the time limit cannot be ended: it
is logged and abandoned, another thread takes its place, and the process is replaced if too many are
abandoned.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
import weakref
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

_BETWEEN_WARNINGS = 10.0  # seconds


class _Run:
    """A running function: in a thread, or as a task."""

    __slots__ = ("call", "runner", "until", "work")

    def __init__(self, work: Work, call: WorkCall, until: float) -> None:
        self.work = work
        self.call = call
        self.until = until
        self.runner: Any = None  # which can be abandoned


class WorkPool:
    """The pool of one App. The settings `after_threads`, `after_queue` and `after_timeout` limit it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._threads = HandlerThreads(
            settings.max_abandoned_handlers,
            settings.abandon_timeout,
            "a function of after()",
            "its after_timeout",
        )
        # A native lock, also under gevent; nothing inside it may let another greenlet run.
        self._lock = native_threads.native_lock()
        self._waiting = 0  # functions that have not begun, and coroutines that have not ended
        self._busy = 0  # threads
        self._active: set[Work] = set()  # of requests with functions that have not ended
        # The work of requests that have not ended; weak references, as a server may never close their
        # content.
        self._expected: weakref.WeakSet[Work] = weakref.WeakSet()
        self._ready: deque[tuple[Work, WorkCall]] = deque()  # that wait for a thread
        self._running: set[_Run] = set()
        self._is_watched = False
        self._next_warning = 0.0
        self._emptied: Any = None  # the mailbox of `drain`
        self._process = os.getpid()

    # -- what is to be done ----------------------------------------------------------------

    def expect(self, work: Work) -> None:
        """Let `drain` wait also for a request that has functions and has not ended yet."""
        self._begin_anew_after_fork()
        with self._lock:
            self._expected.add(work)

    def submit(self, work: Work) -> bool:
        """Accept the functions of a request; return False, with a warning, if too many wait.

        In that case, call `run_here` in a thread that can wait for them.
        """
        self._begin_anew_after_fork()
        with self._lock:
            waited = self._waiting
            begins = self._accept(work)
            is_full = self._waiting > max(waited, self._settings.after_queue)
        if is_full and begins:
            self._warn()
            return False
        if begins:
            self._go_on(work)
        return True

    def _begin_anew_after_fork(self) -> None:
        """Forget the threads of the parent: a fork does not copy them."""
        if self._process != os.getpid():
            self.__init__(self._settings)  # type: ignore[misc]

    def _warn(self) -> None:
        """Warn that too many functions wait; not for each request, because there are many then."""
        now = time.monotonic()
        if now >= self._next_warning:
            self._next_warning = now + _BETWEEN_WARNINGS
            # Record: More functions of `after` wait than `after_queue` allows; at most every ten seconds.
            _log.warning(
                "More than %d functions of after() wait (after_queue): requests do their own work, and wait "
                "for it. Raise after_threads, or use a queue",
                self._settings.after_queue,
            )

    def submit_more(self, work: Work) -> None:
        """Accept one more function of a request whose response has ended."""
        with self._lock:
            begins = self._accept(work)
        if begins:
            self._go_on(work)

    def run_here(self, work: Work) -> None:
        """Call the functions of a request in this thread."""
        while (call := self._take(work)) is not None:
            with self._lock:
                self._count_out(call)
            work.report(call, call.run())

    def _accept(self, work: Work) -> bool:
        """Count the functions; return whether no function of the request ran. Call with the lock held."""
        for call in list(work.calls):
            if not call.is_counted and work.wants(call):
                call.is_counted = True
                self._waiting += 1
        begins = work not in self._active
        self._active.add(work)
        self._expected.discard(work)
        return begins

    def _count_out(self, call: WorkCall) -> None:
        """Stop counting a function as waiting. Call with the lock held."""
        self._waiting -= call.is_counted
        call.is_counted = False

    def _take(self, work: Work) -> WorkCall | None:
        """Return the request's next function to run; None at the end of its work."""
        dropped = []
        emptied = found = None
        with self._lock:
            while work.calls and found is None:
                call = work.calls.popleft()
                if work.wants(call):
                    found = call
                else:
                    dropped.append(call)
            if found is None:
                self._active.discard(work)
                emptied = None if self._active or self._expected else self._emptied
        for call in dropped:
            work.drop(call)
        if found is None:
            work.finish()
        if emptied is not None:
            emptied.put(None)
        return found

    def _go_on(self, work: Work) -> None:
        """Begin the next function of a request, in a thread or on the event loop."""
        call = self._take(work)
        while call is not None and call.is_async and work.has_lost_loop:
            with self._lock:
                self._count_out(call)
            work.lose(call, has_begun=False)
            call = self._take(work)
        if call is None:
            return
        if not call.is_async:
            with self._lock:
                self._ready.append((work, call))
            self._dispatch()
            return
        with self._lock:
            run = self._begin(work, call)
        if native_threads.are_greenlets():  # a thread is one, and costs nothing while it waits
            self._start_thread(run)
        else:
            self._start_task(run)

    def _begin(self, work: Work, call: WorkCall) -> _Run:
        """Count a function as running. Call with the lock held."""
        run = _Run(work, call, time.monotonic() + self._settings.after_timeout)
        self._running.add(run)
        return run

    # -- in threads ------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Give the waiting functions to threads, as far as threads are free."""
        has_room = True
        while has_room:
            with self._lock:
                if not self._ready or self._busy >= self._settings.after_threads:
                    return
                run = self._begin(*self._ready.popleft())
                self._busy += 1
                self._count_out(run.call)
            has_room = self._start_thread(run)

    def _start_thread(self, run: _Run) -> bool:
        """Run a function in a thread; return False if it has to wait for one after all."""
        try:
            thread = self._threads.take()
        except (ApiError, RuntimeError) as error:  # too many are abandoned, or the process ends
            if not run.call.is_async:
                self._put_back(run)
            elif self._claim(run):
                self._end(run, error)
            return False
        run.runner = thread
        thread.calls.put(partial(self._run_in_thread, run, thread))
        return True

    def _put_back(self, run: _Run) -> None:
        with self._lock:
            if self._remove(run):
                self._ready.appendleft((run.work, run.call))
                self._waiting += 1
                run.call.is_counted = True

    def _run_in_thread(self, run: _Run, thread: HandlerThread) -> None:
        self._watch()
        error = run.call.run()
        if self._claim(run):  # or the thread has been abandoned
            self._threads.give_back(thread)
            self._end(run, error)

    # -- on the event loop -----------------------------------------------------------------

    def _start_task(self, run: _Run) -> None:
        def on_end(error: BaseException | None) -> None:
            if not self._claim(run):
                return
            if run.runner.is_lost:
                self._lose(run)
            else:
                self._end(run, error)

        call = run.call
        run.runner = coroutines.in_background(call.context, call.bound, on_end)
        try:
            run.runner.start()
        except RuntimeError as error:  # the process ends
            on_end(error)
        else:
            self._watch()

    # -- their end -------------------------------------------------------------------------

    def _end(self, run: _Run, error: BaseException | None) -> None:
        """Note the end of a function that was claimed, and begin the next."""
        run.work.report(run.call, error)
        self._go_on(run.work)
        self._dispatch()

    def _lose(self, run: _Run) -> None:
        """Note that a coroutine function, and with it the functions after it, is lost with its event loop."""
        run.work.has_lost_loop = True
        run.work.lose(run.call, has_begun=True)
        self._go_on(run.work)

    def _claim(self, run: _Run) -> bool:
        """Stop counting a function as running; return False if that is done, because it has been given up."""
        with self._lock:
            return self._remove(run)

    def _remove(self, run: _Run) -> bool:
        if run not in self._running:
            return False
        self._running.remove(run)
        self._count_out(run.call)
        self._busy -= not run.call.is_async
        return True

    def _watch(self) -> None:
        """Check the time limit of running functions, until none is running."""
        with self._lock:
            begins, self._is_watched = not self._is_watched, True
        if begins:
            try:
                threading.Thread(target=self._check_limits, name="apiroutes-after-limit", daemon=True).start()
            except RuntimeError:  # too many threads, or the process ends
                self._is_watched = False

    def _check_limits(self) -> None:
        while True:
            now = time.monotonic()
            with self._lock:
                if not self._running:
                    self._is_watched = False
                    return
                late = [run for run in self._running if run.until <= now]
                next_limit = min(run.until for run in self._running)
            for run in late:
                self._give_up(run)
            time.sleep(max(0.0, next_limit - now))

    def _give_up(self, run: _Run) -> None:
        """Abandon a function that takes too long, and continue without it."""
        if run.runner is None or not self._claim(run):
            return
        error = TimeoutError(f"it has not ended within after_timeout, {self._settings.after_timeout:g} s")
        error = error.with_traceback(run.runner.current_traceback())
        self._threads.abandon(run.runner)
        run.runner.call_at_end(self._dispatch)  # too many may have been abandoned for another thread
        self._end(run, error)

    # -- the end of the process ------------------------------------------------------------

    def drain(self, within: float) -> None:
        """Wait at most so many seconds until no work is left; work that is left is cancelled and logged.

        Do not call it on the event loop, which may have to do some of the work.
        """
        with self._lock:
            has_work = self._active or self._expected
            if not has_work or self._process != os.getpid():
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
            begun = [(run.work, run.call) for run in runs]
            lost = list(self._ready)
            works = [*self._active, *self._expected]
            for work in works:
                lost += [(work, call) for call in list(work.calls)]
                work.calls.clear()
            self._running.clear()
            self._ready.clear()
            self._active.clear()
            self._expected.clear()
            self._waiting = self._busy = 0
        for run in runs:
            if run.runner is not None:
                run.runner.end()
        for has_begun, calls in ((True, begun), (False, lost)):
            for work, call in calls:
                call.is_counted = False
                if work.wants(call):
                    work.lose(call, has_begun=has_begun)
        for work in works:
            work.finish()
