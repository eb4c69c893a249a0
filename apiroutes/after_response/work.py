"""The work that one request leaves to do after its response.

In: functions, while the request runs and later; then the status that was sent. Out: the functions to run, for
a pool. Raises RuntimeError outside a request, and MaxDurationExceeded in a handler whose deadline has passed.
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

# The work of the request that the current code belongs to; copies of the context contain it.
current_work: ContextVar[Work] = ContextVar("apiroutes.work")


class Pool(Protocol):
    """Something that does the work."""

    def expect(self, work: Work) -> None: ...

    def submit(self, work: Work) -> bool: ...

    def submit_more(self, work: Work) -> None: ...

    def run_here(self, work: Work) -> None: ...


class Witness:
    """Waits for the work of one request, and adds what ran to `calls`: for a test client.

    `is_whole`: whether the content is all in memory, so that work begins without reading it.
    """

    def __init__(self, calls: list[AfterCall]) -> None:
        self.calls = calls
        self.is_whole = False
        self._ended = threading.Event()

    def end(self) -> None:
        """Note that all of the work has ended."""
        self._ended.set()

    def wait(self) -> None:
        """Wait until all of the work has ended."""
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
    """The functions that one request has left. They run in order, one after another.

    `response` is the request's response, once it exists. The pool removes from `calls` the functions that it
    begins.
    """

    # Rarely set, so class defaults; every request makes one of these.
    response: Any = None
    has_failed = False  # although the status of the response does not say so
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
        """Call a function after the response, even if that has ended. Raises MaxDurationExceeded."""
        if self.is_late:
            raise MaxDurationExceeded("maxDuration has passed, and the client has its response")
        if not self.calls and self._witness is None:  # a test's client may never end its request
            self._pool.expect(self)
        self.calls.append(call)
        if self.is_over:  # or it is by now, for another thread, which did not see the call yet
            self._pool.submit_more(self)

    def take_back(self, count: int) -> None:
        """Forget all functions except the first ones, because the code that added them is called again."""
        while len(self.calls) > count:
            self.calls.pop()

    # -- when the response has ended -------------------------------------------------------

    def end(self) -> bool:
        """Run the functions; after a failed request, only the functions that always run.

        Return False if no pool accepts them: call `run` then.
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
        """Log that a function does not run."""
        status = self.response.status_code
        reason = f"the response was a {status}" if status >= 500 else "the response was cut off"
        # Record: A function given to `after` does not run, because the request has failed and the call did
        # not set `always=True`.
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
            # Record: A function given to `after` has raised an exception.
            log_fault(self.request, route_of(self.request), error, event)
        witness = self._witness
        if witness is not None:
            witness.calls.append(call.ended(error))

    def lose(self, call: WorkCall, *, has_begun: bool) -> None:
        """Log a function that has not ended by the end of the process."""
        state = "had not ended" if has_begun else "was to run after its response"
        text = "lost at the end of the process: %s, which %s"
        # Record: The process ends before a function given to `after`: it may have run in part, or not at all.
        log_of_request(logging.WARNING, self.request, text, call.place, state)

    def _let_go(self) -> None:
        """Keep only what logs need of the response.

        Its stream may have run in a context that contains this work: a reference cycle, which only the
        garbage collector would free.
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
        """Wait until the functions have ended, for a test client that asks for it."""
        witness = self._witness
        if witness is not None and self.has_work:
            witness.wait()


def after(function: Callable[..., object], /, *args: Any, always: bool = False, **kwargs: Any) -> None:
    """Call `function(*args, **kwargs)` once the response to the current request has been sent.

    Call `after` in a handler, middleware or dependency, or in code that they call, also in coroutines and
    streams. The functions of a request run one after another: plain functions in a thread of the worker,
    coroutine functions on its event loop. Errors are logged. Functions that have not ended by the end of the
    process are lost, which is logged too.

    Raises RuntimeError outside a request, TypeError for something other than a function, and
    MaxDurationExceeded in a handler whose `maxDuration` has passed.

    Args:
        function: A function or coroutine function.
        *args: Its arguments.
        always: Whether to call it even after a 5xx or a failure.
        **kwargs: Its arguments by name. Pass an argument whose name is `always` with `functools.partial`.
    """
    work = current_work.get(None)
    if work is None or work.response is None:
        raise RuntimeError(_LATE_IMPORT if came_late() else _OUTSIDE)
    work.add(WorkCall(function, args, kwargs, always))


_OUTSIDE = (
    "after() was called outside a request: call it in a handler, middleware or dependency. A thread that "
    "you start belongs to the request if it runs in its context: `contextvars.copy_context().run`"
)
_LATE_IMPORT = (
    f"{_OUTSIDE}. A request that runs when `after` is imported for the first time cannot use it either: "
    "write `from apiroutes import after` at the top of the route's file, or import a module that does so"
)


def note_failure(error: BaseException) -> None:
    """Note that the current request has failed although a status was sent, or that it is late."""
    work = current_work.get(None)
    if work is not None:
        work.has_failed = True
        if isinstance(error, HandlerTimeout):
            work.is_late = True
