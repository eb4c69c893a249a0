"""`maxDuration`: past it the client has its answer, whatever the handler does.

In: what answers a route's requests, and its seconds. Out: a function that runs it in a thread that
can be given up. Raises HandlerTimeout at the deadline, and ApiError 503 as `apiroutes.runners` does.
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

from apiroutes.body import end_reading
from apiroutes.errors import HandlerTimeout, MaxDurationExceeded
from apiroutes.logs import log_fault, route_of
from apiroutes.response import NOTHING_SAID, Response, call_hook
from apiroutes.runners import Call, Runner, Runners
from apiroutes.streams import close

__all__ = ["limited"]

_Result = TypeVar("_Result")
Run = Callable[[Any], Any]

# Seconds for a stream's own cleaning up.
_CLOSING = 1.0
# Seconds for a read that was ended to say so.
_READING = 0.02


def limited(run: Run, seconds: float, runners: Runners) -> Run:
    """`run` with a deadline, which it and the stream that it answers with have together."""

    def run_and_begin(response: Response) -> None:
        run(response)
        is_head = response.req.environ.get("REQUEST_METHOD") == "HEAD"
        if response._application is not None or (response._stream is not None and not is_head):
            response._start_streaming()

    def run_until(response: Response) -> None:
        # The handler has a request and a response of its own, which can be closed to it.
        request = _copy(response.req)
        hold = _Hold(runners, runners.take(), seconds, response.req, vars(request))
        inner = type(response)(request, hold.guarded(response._start_response))
        try:
            hold.call(run_and_begin, inner)
        except BaseException:
            if hold.is_over:
                _close_to_handler(request)
                _take_what_was_before(response, _close_to_handler(inner))
            else:
                _take_all(response, inner)
                hold.release()
            raise
        finally:
            # Its body, to be closed; what a deadline has closed can still be looked into.
            vars(response.req).update(object.__getattribute__(request, "__dict__"))
        _take_all(response, inner)
        hold.keep_for(response)

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
    if not response._is_middlewares and response._before is None:
        response._before = NOTHING_SAID  # a handler without middleware
    response._is_middlewares = True
    response._answers = response._stream = response._application = None  # where it ran they are closed
    if response._hooks is not None:
        response._hooks = [(_harmless(hook), is_middlewares) for hook, is_middlewares in response._hooks]
    if response._write is None:
        response._take_back()


def _harmless(hook: Callable[..., object]) -> Callable[[Response], None]:
    """What is called before the head leaves, and may ask for the response that is closed."""

    def call(response: Response) -> None:
        with contextlib.suppress(MaxDurationExceeded):
            call_hook(hook, response)

    return call


# -- closed to a handler that is too late ------------------------------------------------------


def _refuse(self: object, *arguments: object) -> NoReturn:
    raise MaxDurationExceeded("the maxDuration has passed, and the client has its answer")


# Classes of the same objects that refuse whatever is asked of them, by the class that they stand for.
_closed: dict[type, type] = {}


def _closed_class(cls: type) -> type:
    found = _closed.get(cls)
    if found is None:
        names = ("__getattribute__", "__setattr__", "__delattr__")
        found = _closed[cls] = type(cls.__name__, (cls,), dict.fromkeys(names, _refuse))
    return found


def _close_to_handler(value: Any) -> dict[str, Any]:
    """Have all that is asked of an object raise MaxDurationExceeded; its attributes as they were.

    Its class is changed, so that what is in time pays nothing for it.
    """
    object.__setattr__(value, "__class__", _closed_class(type(value)))
    attributes: dict[str, Any] = object.__getattribute__(value, "__dict__")
    return attributes.copy()


class _Hold:
    """One request's hold on a runner, until its deadline."""

    def __init__(
        self, runners: Runners, runner: Runner, seconds: float, request: Any, handlers: dict[str, Any]
    ) -> None:
        self._runners = runners
        self._runner: Runner | None = runner
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._request = request
        self._handlers_request = handlers  # its attributes
        self._context = contextvars.copy_context()
        self._gate = threading.Lock()
        self.is_over = False

    def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """What the function returns, run by the runner. Raises what it raises, and HandlerTimeout."""
        left = self._until - time.monotonic()
        if self._runner is None or left <= 0:
            raise self._timeout()
        call = Call(self._context, function, arguments)
        self._runner.calls.put(call)
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
        return has_content and self._handlers_request["_body"] is None and end_reading(environ)

    def _give_up(self) -> BaseException:
        with self._gate:
            self.is_over = True
        runner, self._runner = self._runner, None
        assert runner is not None
        where = runner.where()
        self._runners.abandon(runner)
        return self._timeout().with_traceback(where)

    def _timeout(self) -> HandlerTimeout:
        return HandlerTimeout(f"not done within {self._seconds:g} s (maxDuration)")

    def log(self, error: BaseException, what: str) -> None:
        """Log a fault that nobody else can see."""
        log_fault(self._request, route_of(self._request), error, what)

    @property
    def is_held(self) -> bool:
        """Whether the runner is still this request's."""
        return self._runner is not None

    def release(self) -> None:
        """Let another request have the runner."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._runners.give_back(runner)

    __del__ = release  # whatever became of an answer that was not sent

    def guarded(self, start_response: Callable[..., Any] | None) -> Callable[..., Any]:
        """A start_response, and a write, that refuse once the deadline has passed."""

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
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
            _refuse(self)

    def keep_for(self, response: Response) -> None:
        """Hold on for what of the answer is still to be run."""
        if response._stream is not None and not response._sends_file:
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
        if self._hold.is_held:
            try:
                self._hold.close(lambda: close(self._stream))
            except HandlerTimeout as error:
                self._hold.log(error, "failed to close its answer")
        self._hold.release()

    __del__ = close  # an answer that was not sent is closed by nobody else
