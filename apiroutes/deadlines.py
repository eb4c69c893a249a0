"""`maxDuration`: past it the client has its answer, whatever the handler does.

In: what answers a route's requests, and its seconds. Out: a function that runs it in a thread that
can be given up. Raises HandlerTimeout at the deadline, and ApiError 503 as `apiroutes.threads` does.
A handler that goes on past it learns so from whatever it touches of its request, which raises
MaxDurationExceeded; no exception comes into it from outside. A route without a `maxDuration` has
nothing of this around it.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn, TypeVar

from apiroutes.concurrency import CONNECTION, Call, HandlerThread, HandlerThreads, stop_reading
from apiroutes.errors import HandlerTimeout, MaxDurationExceeded
from apiroutes.logs import log_fault, route_of
from apiroutes.response import Response
from apiroutes.response_head import UNTOUCHED
from apiroutes.response_state import call_hook
from apiroutes.streams import close
from apiroutes.types import HeaderList

__all__ = ["with_deadline"]

_Result = TypeVar("_Result")
Run = Callable[[Any], Any]

# Seconds for a stream's own cleaning up.
_CLOSING = 1.0
# Seconds for a read that was ended to say so.
_READING = 0.02


def with_deadline(run: Run, seconds: float, threads: HandlerThreads) -> Run:
    """`run` with a deadline, which it and the stream that it answers with have together."""

    def run_and_begin(response: Response) -> None:
        run(response)
        is_head = response.req.environ.get("REQUEST_METHOD") == "HEAD"
        if response._application is not None or (response._stream is not None and not is_head):
            response._start_streaming()

    def run_until(response: Response) -> None:
        # The handler has a request and a response of its own, which can be closed to it.
        request = _copy(response.req)
        lease = _Lease(threads, threads.take(), seconds, response.req, vars(request))
        inner = type(response)(request, lease.refuse_when_late(response._start_response))
        try:
            lease.call(run_and_begin, inner)
        except BaseException:
            if lease.is_over:
                _close_to_handler(request)
                _take_what_was_before(response, _close_to_handler(inner))
            else:
                _take_all(response, inner)
                lease.release()
            raise
        finally:
            # Its body, to be closed; what a deadline has closed can still be looked into.
            vars(response.req).update(object.__getattribute__(request, "__dict__"))
        _take_all(response, inner)
        lease.keep_until_sent(response)

    return run_until


def _copy(request: Any) -> Any:
    made = object.__new__(type(request))
    vars(made).update(vars(request))
    return made


def _take_all(response: Response, inner: Response) -> None:
    """What the handler said, for the response that is sent.

    The two are one from here on: what is to be called before the head leaves may know the inner one.
    """
    outer = response.req, response._start_response
    response.__dict__ = vars(inner)
    response.req, response._start_response = outer


def _take_what_was_before(response: Response, said: dict[str, Any]) -> None:
    """What middleware has set is kept, what the handler has said is not; what is on the wire is."""
    outer = response.req, response._start_response
    vars(response).update(said)
    response.req, response._start_response = outer
    if not response._in_middleware and response._checkpoint is None:
        response._checkpoint = UNTOUCHED  # a handler without middleware
    response._in_middleware = True
    # They are closed where they ran.
    response._answered_error = response._stream = response._application = None
    if response._head_hooks is not None:
        response._head_hooks = [
            (_harmless(hook), is_middlewares) for hook, is_middlewares in response._head_hooks
        ]
    if response._write is None:
        response._discard_response()


def _harmless(hook: Callable[..., object]) -> Callable[[Response], None]:
    """What is called before the head leaves, and may ask for the response that is closed."""

    def call(response: Response) -> None:
        with contextlib.suppress(MaxDurationExceeded):
            call_hook(hook, response)

    return call


# -- closed to a handler that is too late ------------------------------------------------------


def _reject(self: object, *arguments: object) -> NoReturn:
    raise MaxDurationExceeded("the maxDuration has passed, and the client has its answer")


# Classes of the same objects that refuse whatever is asked of them, by the class that they stand for.
_closed: dict[type, type] = {}


def _closed_class(cls: type) -> type:
    found = _closed.get(cls)
    if found is None:
        names = ("__getattribute__", "__setattr__", "__delattr__")
        found = _closed[cls] = type(cls.__name__, (cls,), dict.fromkeys(names, _reject))
    return found


def _close_to_handler(value: Any) -> dict[str, Any]:
    """Have all that is asked of an object raise MaxDurationExceeded; its attributes as they were.

    Its class is changed, so that what is in time pays nothing for it.
    """
    object.__setattr__(value, "__class__", _closed_class(type(value)))
    attributes: dict[str, Any] = object.__getattribute__(value, "__dict__")
    return attributes.copy()


class _Lease:
    """One request's hold on a thread, until its deadline."""

    def __init__(
        self,
        threads: HandlerThreads,
        thread: HandlerThread,
        seconds: float,
        request: Any,
        handlers: dict[str, Any],
    ) -> None:
        self._threads = threads
        self._thread: HandlerThread | None = thread
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._request = request
        self._handlers_request = handlers  # its attributes
        self._context = contextvars.copy_context()
        self._gate = threading.Lock()
        self.is_over = False

    def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """What the function returns, run by the thread. Raises what it raises, and HandlerTimeout."""
        left = self._until - time.monotonic()
        if self._thread is None or left <= 0:
            raise self._timeout()
        call = Call(self._context, function, arguments)
        self._thread.calls.put(call)
        try:
            # A body that drips in is the client's doing, and is 408 by what reads it.
            is_done = call.is_done(left) or (self._end_reading() and call.is_done(_READING))
        except BaseException:  # the server ends what waits here
            self._give_up()
            raise
        if not is_done:
            raise self._give_up()
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
        has_content = environ.get("CONTENT_LENGTH", "") not in ("", "0")
        has_content = has_content or "HTTP_TRANSFER_ENCODING" in environ
        connection = environ.get(CONNECTION)
        is_read = has_content and connection is not None and self._handlers_request["_body"] is None
        return is_read and stop_reading(connection)

    def _give_up(self) -> BaseException:
        with self._gate:
            self.is_over = True
        thread, self._thread = self._thread, None
        assert thread is not None
        where = thread.current_traceback()
        self._threads.abandon(thread)
        return self._timeout().with_traceback(where)

    def _timeout(self) -> HandlerTimeout:
        return HandlerTimeout(f"not done within {self._seconds:g} s (maxDuration)")

    def log(self, error: BaseException, what: str) -> None:
        """Log a fault that nobody else can see."""
        log_fault(self._request, route_of(self._request), error, what)

    @property
    def is_active(self) -> bool:
        """Whether the thread is still this request's."""
        return self._thread is not None

    def release(self) -> None:
        """Let another request have the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._threads.give_back(thread)

    __del__ = release  # whatever became of an answer that was not sent

    def refuse_when_late(self, start_response: Callable[..., Any] | None) -> Callable[..., Any]:
        """A start_response, and a write, that refuse once the deadline has passed."""

        def start(status: str, headers: HeaderList, *exc_info: Any) -> Callable[[bytes], object]:
            with self._gate:
                self._check()
                assert start_response is not None
                write: Callable[[bytes], object] | None = start_response(status, headers, *exc_info)
            if write is None:  # see `ServerResponse._begin`
                return None  # type: ignore[return-value]

            def write_in_time(chunk: bytes) -> object:
                self._check()
                return write(chunk)

            return write_in_time

        return start

    def _check(self) -> None:
        if self.is_over:
            _reject(self)

    def keep_until_sent(self, response: Response) -> None:
        """Hold on for what of the answer is still to be run."""
        if response._stream is not None and not response._sends_file:
            response._stream = _Stream(self, response._stream)
        else:
            self.release()


class _Stream:
    """An iterator of the handler's, run where the handler ran, until the same deadline."""

    def __init__(self, lease: _Lease, stream: Iterable[Any]) -> None:
        self._lease = lease
        self._stream = stream
        self._iterator: Iterator[Any] = iter(stream)

    def __iter__(self) -> _Stream:
        return self

    def __next__(self) -> Any:
        # A StopIteration would not come through the thread as what it is.
        chunk = self._lease.call(next, self._iterator, self)
        if chunk is self:
            raise StopIteration
        return chunk

    def close(self) -> None:
        if self._lease.is_active:
            try:
                self._lease.close(lambda: close(self._stream))
            except HandlerTimeout as error:
                self._lease.log(error, "failed to close its answer")
        self._lease.release()

    __del__ = close  # an answer that was not sent is closed by nobody else
