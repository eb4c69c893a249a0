"""A deadline for a function that a thread waits for: the client gets a response by then in any case.

In: the function that answers a route's requests, and its seconds. Out: one that runs it in a thread
that can be abandoned. Raises HandlerTimeout at the deadline, and ApiError 503 as the thread does.
A handler that goes on past the deadline gets MaxDurationExceeded from each use of its request or
response; no exception is raised in it from outside. A route without `maxDuration` pays for none of this.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from apiroutes.body import has_content
from apiroutes.concurrency import CONNECTION, Call, HandlerThread, HandlerThreads, stop_reading
from apiroutes.deadlines.revocation import (
    CLOSING,
    copy_of,
    give_back,
    has_stream,
    refuse_late,
    reject,
    timeout,
)
from apiroutes.errors import HandlerTimeout
from apiroutes.logs import log_fault, route_of
from apiroutes.response import Response
from apiroutes.streams import Begun, close

__all__ = ["with_deadline"]

_Result = TypeVar("_Result")

# Seconds for a read that was ended to return.
_READING = 0.02


def with_deadline(run: Callable[[Any], Any], seconds: float, threads: HandlerThreads) -> Callable[[Any], Any]:
    """Return `run` with a deadline, which also covers the stream that it answers with."""

    def run_and_begin(response: Response) -> None:
        run(response)
        if has_stream(response):
            response._start_streaming()

    def run_until(response: Response) -> None:
        # The handler gets a request and a response of its own, which can be revoked.
        request = copy_of(response.req)
        lease = _Lease(threads, threads.take(), seconds, response.req, vars(request))
        inner = type(response)(request, lease.refuse_when_late(response._start_response))
        inner._end_with(response)
        try:
            lease.call(run_and_begin, inner)
        except BaseException:
            give_back(response, request, inner, lease.is_over)
            lease.release()
            raise
        give_back(response, request, inner, is_late=False)
        lease.keep_until_sent(response)

    return run_until


# -- the thread until the deadline -------------------------------------------------------------


class _Lease:
    """The use of a thread for one request, until its deadline."""

    def __init__(
        self,
        threads: HandlerThreads,
        thread: HandlerThread,
        seconds: float,
        request: Any,
        handler_request: dict[str, Any],
    ) -> None:
        self._threads = threads
        self._thread: HandlerThread | None = thread
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._request = request
        self._handler_request = handler_request  # the attributes of the copy
        self._context = contextvars.copy_context()
        self._gate = threading.Lock()
        self.is_over = False

    def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Call a function in the thread. Raises its errors, and HandlerTimeout."""
        left = self._until - time.monotonic()
        if self._thread is None or left <= 0:
            raise timeout(self._seconds)
        call = Call(self._context, function, arguments)
        self._thread.calls.put(call)
        try:
            # A slow body is the client's doing: the function that reads it raises 408.
            is_done = call.wait(left) or (self._end_reading() and call.wait(_READING))
        except BaseException:  # the server ends this thread's wait
            self._abandon()
            raise
        if not is_done:
            raise self._abandon()
        if call.error is None:
            result: _Result = call.result
            return result
        error, call.error = call.error, None
        try:
            raise error
        finally:
            del error  # whose traceback leads here: a cycle would wait for the collector

    def close(self, function: Callable[[], object]) -> None:
        """Call a function that closes a stream, for which there is time even after the deadline."""
        self._until = max(self._until, time.monotonic() + CLOSING)
        self.call(function)

    def _end_reading(self) -> bool:
        """End a read of the body, for which nobody will wait; return whether there was one."""
        environ = self._request._environ
        connection = environ.get(CONNECTION)
        is_unread = self._handler_request.get("_body") is None
        is_read = connection is not None and is_unread and has_content(environ)
        return is_read and stop_reading(connection)

    def _abandon(self) -> BaseException:
        with self._gate:
            self.is_over = True
        thread, self._thread = self._thread, None
        assert thread is not None
        traceback = thread.current_traceback()
        self._threads.abandon(thread)
        return timeout(self._seconds).with_traceback(traceback)

    def log(self, error: BaseException, event: str) -> None:
        """Log a fault that reaches nobody else."""
        # Record ERROR "METHOD ROUTE [ID] failed to close its stream": A stream has not ended by its
        # `maxDuration`, nor when it was closed.
        log_fault(self._request, route_of(self._request), error, event)

    @property
    def is_active(self) -> bool:
        """Whether the thread still belongs to this request."""
        return self._thread is not None

    def release(self) -> None:
        """Give the thread back, for another request."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._threads.give_back(thread)

    __del__ = release  # for a response that was not sent

    def refuse_when_late(self, start_response: Callable[..., Any] | None) -> Callable[..., Any]:
        """Return a start_response, and with it a `write`, that refuse once the deadline has passed."""
        return refuse_late(start_response, self._check, self._gate)

    def _check(self) -> None:
        if self.is_over:
            reject(self)

    def keep_until_sent(self, response: Response) -> None:
        """Keep the thread while a stream of the handler's is sent."""
        if response._stream is not None and not response._sends_file:
            response._stream = _LeasedStream(self, response._stream)
        else:
            self.release()


class _LeasedStream:
    """A stream of the handler's, iterated in the handler's thread until the same deadline."""

    def __init__(self, lease: _Lease, stream: Iterable[Any]) -> None:
        self._lease = lease
        self._stream = stream
        self._iterator: Iterator[Any] = iter(stream)

    def __iter__(self) -> _LeasedStream:
        return self

    def __next__(self) -> Any:
        # `self` marks the end, because a StopIteration would not come through the thread as one.
        try:
            chunk = self._lease.call(next, self._iterator, self)
        except HandlerTimeout:
            if isinstance(self._stream, Begun):
                self._stream.is_late = True  # what it would do at its end is refused
            raise
        if chunk is self:
            raise StopIteration
        return chunk

    def close(self) -> None:
        if self._lease.is_active:
            try:
                self._lease.close(lambda: close(self._stream))
            except HandlerTimeout as error:
                self._lease.log(error, "failed to close its stream")
        self._lease.release()

    __del__ = close  # nobody else closes a response that was not sent
