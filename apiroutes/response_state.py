"""The state of a response: whether it may change, and how it is discarded, replaced or failed.

In: calls of the framework: the chain, the endpoint, deadlines, the bridge and `apiroutes.wsgi`. Out: the
same response, ready for the next of them. Raises ResponseSentError if a handler changes a response that it
has sent, and CancelledError in a call that was cancelled. Middleware may change a response until its first
byte leaves.
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from apiroutes.concurrency import coroutines, is_async
from apiroutes.errors import ResponseSentError
from apiroutes.http import CONTENT_FIELDS, HeaderLines
from apiroutes.logs import log_fault, route_of
from apiroutes.response_head import UNTOUCHED, ResponseHead, Snapshot
from apiroutes.response_hooks import ResponseHooks
from apiroutes.streams import Begun, FileChunks, InContext, application_in, close, run_application
from apiroutes.types import ASGIFunction, Environ, WSGIApplication

__all__ = ["ENDED", "OPEN", "CLOSED", "SENT", "STARTED", "ResponseState"]

_log = logging.getLogger("apiroutes")

# The message where what goes on after a response uses it.
ENDED = (
    "cannot {}: the response has ended, because its handler has returned. A task, a thread or a timer cannot "
    "go on with it: return a generator, plain or async, that yields what is to be sent"
)

# A change that middleware has made: "set", "append", "remove" or "status"; a header's key; its lines as
# they go over the wire, or the status.
_Change = tuple[str, str, Any]

# A head, its hooks, and the innermost async middleware that has called `next()`.
Mark = tuple[Snapshot, list[tuple[Callable[..., object], bool]], int]

# The state of a response: nothing sent, content given, head sent, or closed to a call that was cancelled; or
# nothing sent since an exception, so that middleware may respond but not call `next`. Plain numbers, because
# attributes of a class are looked up more slowly.
OPEN, SENT, STARTED, CLOSED, FAILED = 0, 1, 2, 3, -1


class ResponseState(ResponseHead, ResponseHooks):
    """A response as the framework uses it. `Response` adds the methods of handlers.

    Other files read these attributes directly: a call or a property for each would cost every request.
    """

    # Rarely set, so they are class defaults; attributes that every request reads are set in `__init__`.
    _stream: Iterator[bytes | str] | None = None
    _sends_file = False  # whether the stream is a file, not code of the handler
    # The WSGI or ASGI application that responds instead.
    _application: WSGIApplication | ASGIFunction | None = None
    _write: Callable[[bytes], object] | None = None  # set once the head has left
    _written = 0  # bytes
    _unwritten: Iterable[bytes] = ()  # what was written, if the server gets it at the end
    # The line of Cache-Control that lets shared caches store the response, unless the project has set its
    # own.
    _shared_control: tuple[str, str] | None = None
    _ends_when_closed = False  # whether content in memory counts as sent only when the server closes it
    _has_ended = False
    _cut_by: BaseException | None = None  # the exception that came when bytes had left
    # The head before the handler ran, and what middleware has changed since it responded.
    _checkpoint: Snapshot | None = None
    _changes: list[_Change] | None = None
    # While a handler computes for the cache: its request and response, and a function that gives up its
    # lease.
    _computing: tuple[tuple[Any, ...], Callable[[], object]] | None = None
    # Called with the response that is sent if the deadline passes before the cache has answered.
    _when_late: Callable[[Any], object] | None = None
    _answered_error: BaseException | None = None  # the exception that the response was made for,
    _answered_status = 0  # and its status, whatever middleware sets while the exception propagates
    _coroutine: Any = None  # of an async handler that was called,
    _entered_by_middleware = False  # and whether it took the response from middleware
    _position = 0  # of the innermost async middleware that has called next()
    _next_coroutine: Any = None  # that it was given
    # The beginning of the ETags that the App makes: '"', 'W/"', or "" if it makes none for the content.
    _etag_prefix = '"'

    def __init__(self, req: Any = None, start_response: Callable[..., Any] | None = None) -> None:
        self.req: Any = req
        """The request that the response belongs to."""
        self._start_response = start_response
        self._status = 200
        self._status_was_set = False
        self._headers = {}
        self._repeated_headers = None
        self._content = b""
        self._content_headers = ()
        # The beginning of the content's ETag, "" for content without one, and None if conditional requests do
        # not apply.
        self._etag_start: str | None = None
        self._is_unbuffered = False  # whether there is more to do than to send content in memory
        self._state = OPEN
        self._in_middleware = False  # whether middleware holds the response now

    # -- may it change? --------------------------------------------------------------------

    def _can_change(self, action: str) -> bool:
        """Return whether a response that was given can be changed. Raises ResponseSentError for a handler."""
        if self._state == CLOSED:
            raise coroutines.cancelled_error(f"cannot {action}: this call was cancelled")
        if self._state == FAILED:
            return True
        if self._has_ended:
            raise ResponseSentError(ENDED.format(action))
        if not self._in_middleware:
            raise ResponseSentError(
                f"cannot {action}: the response has already been sent. A handler responds once: "
                "set the status and headers before that, and `return` after it"
            )
        if self._write is not None:
            # Record: Middleware changes a response after `next()`, although `res.write` has sent its head;
            # the change is ignored.
            _log.warning("%s: cannot %s: the head has left; ignored", route_of(self.req), action)
            return False
        return True

    def _can_respond(self, action: str) -> bool:
        """Make room for another response, with the first one's status; return whether that is possible."""
        if self._answered_error is not None:  # the exception was caught: its status is dropped as well
            return self._replace()
        if not self._can_change(action):
            return False
        if self._state == FAILED:
            self._state = OPEN
            return True
        status = self._status, self._status_was_set
        self._discard_response()
        self._status, self._status_was_set = status
        return True

    def _is_complete(self) -> bool:
        """Return whether the handler has responded with content that is all in memory or on the wire."""
        return self._state == SENT and self._stream is None and self._application is None

    def _permit(self, action: str, change: str, key: str, value: Any) -> bool:
        """Return whether a change can be made after the response was given, and note the change."""
        if not self._can_change(action):
            return False
        self._note(change, key, value)
        return True

    def _note(self, change: str, key: str, value: Any) -> None:
        """Note a change that middleware makes; it outlives the handler's response if that is discarded."""
        if self._state != FAILED:  # then there is no response
            if self._changes is None:
                self._changes = []
            self._changes.append((change, key, value))

    # -- taking a response back ------------------------------------------------------------

    def _discard_response(self) -> None:
        """Forget the handler's response; headers that middleware has set stay.

        Only before the head has left.
        """
        changes = self._changes or []
        if (
            self._checkpoint is None
        ):  # middleware responded: all headers stay except those that describe the content
            self._status, self._status_was_set = 200, False
            for key in CONTENT_FIELDS:
                self._drop(key)
            changes = [change for change in changes if change[1] in CONTENT_FIELDS]
        else:
            self._roll_back(self._checkpoint)
        self._clear_content()
        for kind, key, lines in changes:
            if kind != "status":
                self._apply(kind, key, lines)
        self._changes = self._checkpoint = None  # what is left is middleware's

    def _replace(self) -> bool:
        """Make room for the response that middleware returns; return whether that is possible."""
        if self._state in (OPEN, FAILED):
            self._state = OPEN
            return True
        if not self._can_change("replace the response"):
            return False
        statuses = [code for change, _, code in self._changes or () if change == "status"]
        self._discard_response()
        if statuses:
            self._status, self._status_was_set = statuses[-1], True
        return True

    def _fail(self, error: BaseException) -> None:
        """Forget a response that an exception followed, unless it was made for that exception.

        The response of a handler without middleware is sent, as in Next.js (recorded). Middleware never sees
        a success that an exception has followed.
        """
        was_handlers, self._in_middleware = not self._in_middleware, True
        if self._state == CLOSED:
            return
        if error is self._answered_error:
            self._status = self._answered_status
            return
        is_alone = was_handlers and self._checkpoint is None
        if self._state in (OPEN, FAILED):
            self._checkpoint = None  # the endpoint has rolled back to it
        elif is_alone and self._is_complete():
            self._settle(error)
        elif self._write is not None:
            self._answered_error, self._cut_by = None, error
        elif is_alone:
            self._roll_back(UNTOUCHED)
            self._clear_content()
        else:
            self._discard_response()
        if self._state == OPEN:
            self._state = FAILED

    def _settle(self, error: BaseException) -> None:
        """Note that this is the response to an exception, which may propagate further."""
        self._answered_error, self._answered_status = error, self._status

    def _clear_content(self) -> None:
        """Forget the content and the headers that it adds, so that another response can be given."""
        if self._stream is not None:
            coroutines.call_off_the_loop(partial(_close_discarded, self._stream, self.req))
        self._content, self._content_headers, self._etag_start = b"", (), None
        self._stream = self._application = None
        self._sends_file = False
        if self._head_hooks is not None:  # the handler's hooks go with its response
            self._head_hooks = [hook for hook in self._head_hooks if hook[1]] or None
        self._is_unbuffered = self._has_hooks()
        self._answered_error = None
        self._state = OPEN

    def _drop_content(self, content_headers: HeaderLines = ()) -> None:
        """Forget only the content; other content, with these headers, takes its place."""
        error, hooks, self._head_hooks = self._answered_error, self._head_hooks, None
        self._clear_content()
        self._answered_error, self._head_hooks, self._content_headers = error, hooks, content_headers
        self._is_unbuffered = self._has_hooks()

    def _close(self) -> int:
        """Refuse everything to a cancelled call; return the state, for `_reopen`."""
        state, self._state = self._state, CLOSED
        return state

    def _reopen(self, state: int) -> None:
        """Give the response to the code that cancelled the call, without what the call had sent."""
        self._state, self._in_middleware = state, True
        if self._write is None and state != CLOSED:
            self._discard_response()
            self._state = FAILED

    def _mark(self) -> Mark:
        """Return the state before `next` is called, for `_restart`."""
        return self._snapshot(), list(self._head_hooks or ()), self._position

    def _restart(self, mark: Mark) -> None:
        """Go back to a mark, so that `next` can be called again."""
        snapshot, hooks, self._position = mark
        self._head_hooks = [*hooks] or None
        self._clear_content()
        self._roll_back(snapshot)
        self._checkpoint = self._changes = None
        self._in_middleware = True

    def _drop_coroutine(self) -> None:
        """Close the coroutine of an async handler that is not going to be awaited."""
        coroutine, self._coroutine = self._coroutine, None
        if coroutine is not None:
            coroutine.close()

    def _end(self) -> None:
        """Refuse every change from now on, as after a handler has responded: the response has ended."""
        self._state, self._in_middleware, self._answered_error = SENT, False, None
        self._has_ended = True

    def _withdraw(self) -> None:
        """Do not keep a response that was given when the next exception comes."""
        if self._state == SENT and not self._in_middleware:
            self._checkpoint, self._in_middleware = UNTOUCHED, True

    def _end_writing(self) -> None:
        """End what `write` began; `apiroutes.wsgi` lets nobody write any more."""
        self._end()

    # -- streams ---------------------------------------------------------------------------

    def _set_stream(self, stream: Any, is_file: bool = False) -> None:
        """Make a stream the content; a request may ask for a part of a file."""
        self._stream, self._is_unbuffered = stream, True
        self._sends_file = is_file

    def _adopt_write(self, write: Callable[[bytes], object], unwritten: Iterable[bytes]) -> None:
        """Adopt a head that has left and the function that writes after it; `unwritten` follows."""
        self._drop_content()
        self._write, self._unwritten, self._is_unbuffered = write, unwritten, True
        self._state = SENT

    def _forget_written(self) -> None:
        """Forget content that was passed to `write` and has not left."""
        self._write, self._written, self._unwritten = None, 0, ()

    def _keep_context(self) -> None:
        """Run a stream in this context, which contains the variables that dependencies have set.

        Its chunks are iterated in another task, or in a thread with its own context.
        """
        context, stream = contextvars.copy_context(), self._stream
        application: Any = self._application
        chunks = coroutines.async_chunks_of(stream)
        if chunks is not None:
            chunks.run_in(context)
        elif stream is not None and self._can_begin() and not isinstance(stream, FileChunks):
            self._stream = InContext(stream, context)
        if application is not None and not is_async(application):
            self._application = application_in(context, application)

    def _start_streaming(self) -> None:
        """Run a returned application, or a stream, to its first chunk; the rest is sent later.

        From then on, the response has the application's status and headers.
        """
        application: Any = self._application
        if application is not None and is_async(application):
            call = _asgi_call(application, self.req._environ)
            self._adopt_call(call, Begun(coroutines.iterate(call)))
        elif application is not None:
            status, headers, self._stream = run_application(application, self.req._environ)
            self._application = None
            self._adopt_head(status, headers)
        elif self._stream is not None and self._can_begin():
            stream, self._stream = self._stream, iter(())  # it is closed once, also when it fails
            self._stream = Begun(stream)

    async def _start_streaming_on_loop(self) -> None:
        """`_start_streaming`, for a coroutine: it waits for an async stream, and a thread for all others."""
        if not (self._application is not None or (self._stream is not None and self._can_begin())):
            return
        chunks = coroutines.async_chunks_of(self._stream)
        application: Any = self._application
        if not coroutines.is_on_server_loop():
            await coroutines.in_request_thread(self._start_streaming)
        elif application is not None and is_async(application):
            call = _asgi_call(application, self.req._environ)
            content = coroutines.iterate(call)
            chunks = coroutines.async_chunks_of(content)
            self._adopt_call(call, await Begun.begin(content, chunks.arrive))
        elif chunks is not None:
            stream, self._stream = self._stream, iter(())
            assert stream is not None
            self._stream = await Begun.begin(stream, chunks.arrive)
        else:
            await coroutines.in_request_thread(self._start_streaming)

    def _adopt_call(self, call: Any, content: Begun) -> None:
        """Adopt the response of an ASGI application, which has begun."""
        assert call.head is not None
        self._stream, self._application = content, None
        content.is_application, content.is_whole = True, call.is_whole
        if self.req._environ.get("REQUEST_METHOD") == "HEAD":
            content.is_empty = False  # an empty HEAD does not show that GET sends nothing
        self._adopt_head(*call.head)

    def _can_begin(self) -> bool:
        """Return whether the first chunk can be taken now; a request may ask for a part of a file."""
        is_part = self._sends_file and not isinstance(self._stream, FileChunks)
        return not is_part and not isinstance(self._stream, Begun)


def _asgi_call(application: ASGIFunction, environ: Environ) -> Any:
    """Return an ASGICall, whose file imports asyncio."""
    from apiroutes.asgi_calls import ASGICall

    return ASGICall(application, environ)


def _close_discarded(stream: object, request: Any) -> None:
    """Close the stream of a discarded response; an exception is logged and changes nothing."""
    try:
        close(stream)
    except Exception as error:
        # Record: The stream of a response that another response replaced has raised an exception when it was
        # closed.
        log_fault(request, route_of(request), error, "failed to close a response that was discarded")
