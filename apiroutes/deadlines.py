"""`maxDuration`: past it the client has its answer, whatever the handler does.

In: what answers a route's requests, and its seconds. Out: a function that runs it in a thread
that can be given up. Raises HandlerTimeout at the deadline, ApiError 503 while too many that
were given up have not ended. A route without a `maxDuration` has nothing of this around it.

Python cannot end a thread. It can raise an exception in one, which comes when the thread runs
Python code again: a handler that waits in a system call goes on waiting, in a thread that nobody
waits for. How many of those there may be is bounded, and a worker that has too many is replaced.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from apiroutes import coroutines
from apiroutes.body import end_reading
from apiroutes.errors import ApiError, HandlerTimeout, MaxDurationExceeded, ResponseSentError
from apiroutes.logs import log_fault
from apiroutes.response import STARTED, Response

__all__ = ["Deadlines"]

_log = logging.getLogger("apiroutes")

_Result = TypeVar("_Result")
Run = Callable[[Any], Any]

# Seconds that something gets to end by itself once it was told to. The client waits for it.
_GRACE = 0.02
# Seconds for a stream's own cleaning up.
_CLOSING = 1.0


class Deadlines:
    """The threads that run handlers which have a `maxDuration`, for one App.

    `most_abandoned` is how many that were given up may be running.
    """

    def __init__(self, most_abandoned: int) -> None:
        self._most_abandoned = most_abandoned
        self._idle: list[_Runner] = []
        self._abandoned: list[_Runner] = []
        self._is_replaced = False
        self._process = os.getpid()
        self._lock = threading.Lock()

    def around(self, run: Run, seconds: float) -> Run:
        """`run` with a deadline, which it and the stream that it answers with have together."""

        def run_until(response: Response) -> None:
            hold = _Hold(self, seconds, response.req)
            # The handler has a response of its own: what it says too late reaches nobody.
            inner = type(response)(response.req, hold.guarded(response._start_response))
            try:
                hold.call(run, inner)
            except HandlerTimeout:
                if hold.is_over:
                    _take_what_was_before(response, inner, hold.has_started)
                    inner._refuse_all()
                raise
            finally:
                if not hold.is_over:
                    hold.hand_over(inner, response)

        return run_until

    # -- runners ---------------------------------------------------------------------------

    def take(self) -> _Runner:
        """A runner for one request. Raises ApiError 503."""
        if self._process != os.getpid():  # a fork takes no threads along
            self.__init__(self._most_abandoned)  # type: ignore[misc]
        if self._abandoned:
            with self._lock:
                if self._count_abandoned() >= self._most_abandoned:
                    raise ApiError(503, "Service Unavailable")
        try:
            return self._idle.pop()
        except IndexError:
            return _Runner()

    def give_back(self, runner: _Runner) -> None:
        """Keep a runner for another request."""
        self._idle.append(runner)

    def abandon(self, runner: _Runner, environ: dict[str, Any]) -> None:
        """Take no more notice of a runner whose request is over. Too many of them end the worker."""
        with self._lock:
            self._abandoned.append(runner)
            if self._count_abandoned() < self._most_abandoned or self._is_replaced:
                return
            self._is_replaced = True
        can_replace = environ.get("SERVER_SOFTWARE", "").startswith("gunicorn")
        _log.critical(
            "%d handlers go on after their maxDuration; %s",
            self._most_abandoned,
            "this worker ends and is replaced" if can_replace else "routes that have one answer 503",
        )
        if can_replace:
            # As gunicorn's main process does it: what the worker has begun is finished.
            os.kill(os.getpid(), signal.SIGTERM)

    def _count_abandoned(self) -> int:
        self._abandoned = [runner for runner in self._abandoned if runner.is_running]
        return len(self._abandoned)


def _take_what_was_before(response: Response, inner: Response, has_started: bool) -> None:
    """Middleware's headers are kept, the handler's are not; what is on the wire is."""
    before = vars(inner).get("_before")
    response._before = inner._saved() if before is None else before
    response._restore()
    if has_started:
        response._write, response._state, response._is_special = inner._write or _nothing, STARTED, True


def _nothing(chunk: bytes) -> None:
    return None


class _Hold:
    """One request's hold on a runner, until its deadline."""

    def __init__(self, deadlines: Deadlines, seconds: float, request: Any) -> None:
        self._deadlines = deadlines
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._request = request
        self._context = contextvars.copy_context()
        self._gate = threading.Lock()
        self._runner: _Runner | None = deadlines.take()
        self.is_over = False
        self.has_started = False  # whether start_response was called for the handler

    def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """What the function returns, run by the runner. Raises what it raises, and HandlerTimeout."""
        left = self._until - time.monotonic()
        if self._runner is None or left <= 0:
            raise self._timeout()
        call = _Call(self._context, function, arguments)
        self._runner.calls.put(call)
        # A body that drips in is the client's doing, and is 408 by what reads it.
        if not call.is_done(left) and not (self._end_reading() and call.is_done(_GRACE)):
            raise self._give_up(call)
        if call.error is None:
            result: _Result = call.result
            return result
        error, call.error = call.error, None
        try:
            raise error
        finally:
            del error  # whose traceback leads here: what leads to itself waits for the collector

    def close(self, function: Callable[[], object]) -> None:
        """Call what closes an answer, for which there is time after the deadline as well."""
        self._until = max(self._until, time.monotonic() + _CLOSING)
        self.call(function)

    def _end_reading(self) -> bool:
        """Let nobody read on the connection who is not waited for; whether somebody did."""
        environ = self._request.environ
        has_content = environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ
        return has_content and self._request._body is None and end_reading(environ)

    def _give_up(self, call: _Call) -> BaseException:
        with self._gate:
            self.is_over = True
        runner, self._runner = self._runner, None
        assert runner is not None
        where = runner.where()
        runner.interrupt(call)
        self._deadlines.abandon(runner, self._request.environ)
        return self._timeout().with_traceback(where)

    def _timeout(self) -> HandlerTimeout:
        return HandlerTimeout(f"not done within {self._seconds:g} s (maxDuration)")

    def log(self, error: BaseException, what: str) -> None:
        """Log a fault that nobody else can see."""
        log_fault(self._request, self._request.route_pattern or "", error, what)

    @property
    def is_held(self) -> bool:
        """Whether the runner is still this request's."""
        return self._runner is not None

    def release(self) -> None:
        """Let another request have the runner."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._deadlines.give_back(runner)

    def guarded(self, start_response: Callable[..., Any] | None) -> Callable[..., Any]:
        """A start_response, and a write, that refuse once the deadline has passed."""

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
            with self._gate:
                self._check()
                assert start_response is not None
                write: Callable[[bytes], object] | None = start_response(status, headers, *exc_info)
                self.has_started = True
            if write is None:  # see `ServerResponse._begin`
                return None  # type: ignore[return-value]

            def write_in_time(chunk: bytes) -> object:
                self._check()
                return write(chunk)

            return write_in_time

        return start

    def _check(self) -> None:
        if self.is_over:
            raise ResponseSentError("the maxDuration has passed and the client has its answer")

    def hand_over(self, inner: Response, response: Response) -> None:
        """Give the answer that the handler gave to the response that is sent."""
        start_response = response._start_response
        vars(response).update(vars(inner))
        response._start_response = start_response
        if response._application is not None:
            response._application = _Application(self, response._application)
        elif response._stream is not None and not response._sends_file:
            response._stream = _Stream(self, response._stream)
        else:
            self.release()


class _Stream:
    """An iterator of the handler's, run where the handler ran, until the same deadline."""

    def __init__(self, hold: _Hold, stream: Iterable[Any]) -> None:
        self._hold = hold
        self._stream = stream
        self._iterator: Iterator[Any] = iter(stream)

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> Any:
        # A StopIteration would not come through the thread as what it is.
        chunk = self._hold.call(next, self._iterator, self)
        if chunk is self:
            raise StopIteration
        return chunk

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None and self._hold.is_held:
            try:
                self._hold.close(close)
            except HandlerTimeout as error:
                self._hold.log(error, "failed to close its answer")
        self._hold.release()

    __del__ = close  # an answer that was not sent is not closed by anybody else


class _Application:
    """A WSGI application that answers for the handler, run where the handler ran."""

    def __init__(self, hold: _Hold, application: Callable[..., Iterable[bytes]]) -> None:
        self._hold = hold
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return _Stream(
            self._hold, self._hold.call(self._application, environ, self._hold.guarded(start_response))
        )


class _Call:
    """Something for a runner to do, and what came of it."""

    def __init__(
        self, context: contextvars.Context, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        self._context = context
        self._function = function
        self._arguments = arguments
        self._done = threading.Lock()
        self._done.acquire()
        self.result: Any = None
        self.error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self.result = self._context.run(self._function, *self._arguments)
        except BaseException as error:
            self.error = error
        finally:
            self._done.release()

    def is_done(self, within: float) -> bool:
        """Whether it has ended, which is waited for so many seconds."""
        return self._done.acquire(timeout=within)


class _Runner:
    """A thread that does what it is given, one call after the other."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[_Call | None] = SimpleQueue()
        self.is_running = True
        self._ending = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="apiroutes-handler", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(MaxDurationExceeded):
            try:
                while True:
                    call = self.calls.get()
                    if call is None:
                        break
                    call()
                    del call  # or its request would live until the next one comes
            finally:
                with self._ending:
                    self.is_running = False

    def where(self) -> TracebackType | None:
        """What the thread is doing now, as a traceback from our frames inward."""
        assert self._thread.ident is not None
        frames = coroutines.suspended_frames(self._thread.ident)
        if not frames:
            frame = sys._current_frames().get(self._thread.ident)
            while frame is not None and frame.f_code is not _Call.__call__.__code__:
                frames.insert(0, frame)
                frame = frame.f_back
        found: TracebackType | None = None
        for frame in reversed(frames):
            found = TracebackType(found, frame, frame.f_lasti, frame.f_lineno or 0)
        return found

    def interrupt(self, call: _Call) -> None:
        """End the call as far as Python can, and the thread with it."""
        self.calls.put(None)
        ident = self._thread.ident
        assert ident is not None
        if coroutines.cancel(ident, _GRACE):
            return
        with self._ending:  # whoever has it knows that the number is still this thread's
            if self.is_running and not call.is_done(0):
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(ident), ctypes.py_object(MaxDurationExceeded)
                )
