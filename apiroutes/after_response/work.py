"""The work that one request leaves for the time after its response.

In: functions, while the request runs and later; then the status that was sent. Out: those functions that
are to run, for a pool. Raises RuntimeError where there is no request, and MaxDurationExceeded in a handler
that its deadline has passed.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

from apiroutes.after_response.calls import AfterCall, WorkCall
from apiroutes.after_response.demand import came_late
from apiroutes.body import end_input
from apiroutes.errors import HandlerTimeout, MaxDurationExceeded
from apiroutes.logs import log_fault, log_of_request, route_of
from apiroutes.types import Environ

__all__ = [
    "WITNESS",
    "Witness",
    "Work",
    "after",
    "current_work",
    "note_failure",
    "note_whole_content",
]

# The environ's key of a test client's Witness.
WITNESS = "apiroutes.after"

# The work of the request that the current code belongs to; anything that copies a context takes it along.
current_work: ContextVar[Work] = ContextVar("apiroutes.work")


class Pool(Protocol):
    """What does the work."""

    def expect(self, work: Work) -> None: ...

    def submit(self, work: Work) -> bool: ...

    def submit_more(self, work: Work) -> None: ...

    def run_here(self, work: Work) -> None: ...


class Witness:
    """Waits for the work of one request, and adds what ran to `calls`: for a test client.

    `is_whole`: whether something is done after content that is all in memory, so that nothing needs to be
    read before it begins.
    """

    def __init__(self, calls: list[AfterCall]) -> None:
        self.calls = calls
        self.is_whole = False
        self._ended = threading.Event()

    def end(self) -> None:
        """Note that all of it has ended."""
        self._ended.set()

    def wait(self) -> None:
        """Wait until all of it has ended."""
        self._ended.wait()


def note_whole_content(environ: Environ) -> None:
    """Note that the content of a request's response is all in memory, for a test client that asks."""
    witness: Witness | None = environ.get(WITNESS)
    if witness is not None:
        witness.is_whole = True


class _Ended(NamedTuple):
    """A response that has ended."""

    status_code: int
    req: Any


class Work:
    """The functions that one request has left. They run in their order, one after the other.

    `response` is the request's, once it is there. The pool takes those out of `calls` that are to begin.
    """

    # Rarely set, so class defaults; every request makes one of these.
    response: Any = None
    has_failed = False  # although the response has another status
    is_late = False  # whether the request's deadline has passed
    is_over = False  # whether the response has ended
    has_work = False  # whether there was any for a pool
    has_lost_loop = False  # whether the event loop for its coroutine functions has ended

    def __init__(self, pool: Pool, environ: Environ, cache: Any) -> None:
        self._pool = pool
        self.environ = environ
        self.cache = cache  # of the App that answers the request
        self.calls: deque[WorkCall] = deque()

    # -- while the request runs, and later -------------------------------------------------

    def add(self, call: WorkCall) -> None:
        """Have a function called after the response, even if that has ended. Raises MaxDurationExceeded."""
        if self.is_late:
            raise MaxDurationExceeded("maxDuration has passed, and the client has its response")
        if not self.calls and self._witness is None:  # a test's client may never end its request
            self._pool.expect(self)
        self.calls.append(call)
        if self.is_over:  # or it is by now, for another thread, which did not see the call yet
            self._pool.submit_more(self)

    def take_back(self, count: int) -> None:
        """Forget all functions but the first ones, because the code that gave them is called again."""
        while len(self.calls) > count:
            self.calls.pop()

    # -- when the response has ended -------------------------------------------------------

    def end(self) -> bool:
        """Have the functions called, or those that are to run in any case where the request has failed.

        Return False if no pool takes them: `run` is to be called then.
        """
        self.is_over = True  # before the look at `calls`, as `add` looks the other way round
        if not self.calls:
            self._let_go()
            return True
        self.has_work = True
        self.response._end()
        end_input(self.environ)
        return self._pool.submit(self)

    def run(self) -> None:
        """Call the functions in this thread."""
        self._pool.run_here(self)

    def wants(self, call: WorkCall) -> bool:
        """Return whether a function is to run, now that the response has ended."""
        return call.always or not (self.has_failed or self.response.status_code >= 500)

    def drop(self, call: WorkCall) -> None:
        """Log a function that does not run."""
        status = self.response.status_code
        reason = f"the response was a {status}" if status >= 500 else "the response was cut off"
        # Record: A function of `after` does not run, because the request has failed and it was not given
        # `always=True`.
        log_of_request(logging.INFO, self.request, "%s was not called afterwards: %s", call.place, reason)

    # -- what has become of it -------------------------------------------------------------

    @property
    def request(self) -> Any:
        """The request that left the work."""
        return self.response.req

    def report(self, call: WorkCall, error: BaseException | None) -> None:
        """Note the end of a function, and log its error."""
        if error is not None:
            event = f"failed after its response, in {call.place}"
            # Record: A function of `after` has raised.
            log_fault(self.request, route_of(self.request), error, event)
        witness = self._witness
        if witness is not None:
            witness.calls.append(call.ended(error))

    def lose(self, call: WorkCall, *, has_begun: bool) -> None:
        """Log a function that has not ended when the process does."""
        state = "had not ended" if has_begun else "was to run after its response"
        text = "lost at the end of the process: %s, which %s"
        # Record: The process ends before a function of `after` has: it may have run in part, or not at all.
        log_of_request(logging.WARNING, self.request, text, call.place, state)

    def _let_go(self) -> None:
        """Keep no more of the response than logs need.

        Its stream may have run in a context that has this work: a cycle, which would wait for the collector.
        """
        if self.response is not None:
            self.response = _Ended(self.response.status_code, self.response.req)

    def finish(self) -> None:
        """Note that no function is left."""
        self._let_go()
        witness = self._witness
        if witness is not None:
            witness.end()

    @property
    def _witness(self) -> Witness | None:
        return self.environ.get(WITNESS)

    def await_by_witness(self) -> None:
        """Wait for the end of the functions, for a test client that asks for it."""
        witness = self._witness
        if witness is not None and self.has_work:
            witness.wait()


def after(function: Callable[..., object], /, *args: Any, always: bool = False, **kwargs: Any) -> None:
    """Call `function(*args, **kwargs)` once the response to the current request has been sent.

    It is called in a handler, middleware or dependency, or in what they call, also in coroutines and streams.
    A request's functions run one after the other, in a thread of the worker, coroutine functions on its event
    loop. An error is logged, and so is what has not ended when the process does: that is lost.

    Raises RuntimeError outside of a request, TypeError for what is not a function, and MaxDurationExceeded in
    a handler whose time is over.

    Args:
        function: A function or coroutine function.
        *args: Its arguments.
        always: Whether it runs after a 5xx, or a failure, too.
        **kwargs: Its arguments by name. One that is called `always` itself needs a `functools.partial`.
    """
    work = current_work.get(None)
    if work is None or work.response is None:
        raise RuntimeError(_LATE_IMPORT if came_late() else _OUTSIDE)
    work.add(WorkCall(function, args, kwargs, always))


_OUTSIDE = (
    "after() was called outside of a request: call it in a handler, middleware or dependency. A thread that "
    "you start belongs to the request if it runs in its context: `contextvars.copy_context().run`"
)
_LATE_IMPORT = (
    f"{_OUTSIDE}. A request that runs when `after` is imported for the first time cannot use it either: "
    "write `from apiroutes import after` at the top of the route's file, or import there the module that does"
)


def note_failure(error: BaseException) -> None:
    """Note that the current request has failed although a status was sent, or that it is late."""
    work = current_work.get(None)
    if work is not None:
        work.has_failed = True
        if isinstance(error, HandlerTimeout):
            work.is_late = True
