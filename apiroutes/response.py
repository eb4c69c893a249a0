"""What the handler said: a status, headers and content. No I/O.

In: calls in Express's and Next.js's spelling. Out: state that `apiroutes.wsgi` sends. Raises
ValueError or TypeError for what HTTP cannot carry, where it is set, and ResponseSentError when a
handler says more after its answer. Middleware may change an answer until its first byte leaves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Generic

from typing_extensions import TypeVar
from werkzeug.datastructures import Headers

from apiroutes.concurrency import coroutines
from apiroutes.errors import ResponseSentError
from apiroutes.http import (
    BINARY,
    CONTENT_FIELDS,
    FIELD_KEYS,
    JSON,
    JSON_VALUE,
    REDIRECTS,
    TEXT,
    HeaderLines,
    HeaderValue,
    check_field_name,
    decode_field_value,
    dump_cookie,
    encode_field_value,
    encode_json,
    encode_location,
    field_lines,
    is_local,
    merge_vary,
)
from apiroutes.logs import log_fault, route_of
from apiroutes.streams import Begun, FileChunks, close, kind_of, remaining_size, run_application
from apiroutes.types import WSGIApplication

__all__ = [
    "UNTOUCHED",
    "OPEN",
    "CLOSED",
    "SENT",
    "STARTED",
    "Response",
    "call_hook",
]

_log = logging.getLogger("apiroutes")

Data = TypeVar("Data", default=Any)

_NOTHING: Any = object()  # "no argument", where None is a value


_Snapshot = tuple[int, bool, dict[str, tuple[str, str]], dict[str, list[tuple[str, str]]]]
_JSON_TYPES = frozenset((dict, list, bool, int, float))  # what most JSON answers are

# What middleware has changed: "set", "append", "remove" or "status"; a header's key; its lines as they
# go over the wire, or the status.
_Change = tuple[str, str, Any]


UNTOUCHED: _Snapshot = (200, False, {}, {})

# Where a response is: nothing said, content said, headers on the wire, or closed to a call that was
# cancelled; or nothing said since an exception, so that middleware may answer and not go on. Plain numbers,
# because the members of a class are found more slowly.
OPEN, SENT, STARTED, CLOSED, FAILED = 0, 1, 2, 3, -1


class Response(Generic[Data]):
    """The response. Setters return it, so that they can be chained; what answers returns None.

    `req` is the request that it answers. `apiroutes.wsgi` gives a response its connection;
    without one it only holds what was said, and `write` has nowhere to go. `Response[User]`, as the
    annotation of a handler's parameter, sends a User by `json`.
    """

    # What few responses say; what every response is asked for is in the instance.
    _stream: Iterator[bytes | str] | None = None
    _sends_file = False  # whether the stream is a file, and no code of the handler's
    _application: WSGIApplication | None = None  # that answers instead
    _write: Callable[[bytes], object] | None = None  # set once the head has left
    _written = 0  # bytes
    _unwritten: Sequence[bytes] = ()  # what was written, where the server takes it at the end
    # To be called before the head leaves, each with whether middleware has given it.
    _head_hooks: list[tuple[Callable[..., object], bool]] | None = None
    _end_hooks: list[Callable[[Response], object]] | None = None  # to be called when the answer has ended
    _cut_by: BaseException | None = None  # that came when bytes had left
    # What was said before the handler, and what middleware has set since it answered.
    _checkpoint: _Snapshot | None = None
    _changes: list[_Change] | None = None
    _answered_error: BaseException | None = None  # the exception that the answer is made for,
    _answered_status = 0  # which has this status, whatever middleware says while it travels on
    _coroutine: Any = None  # of an async handler that was called
    _position = 0  # of the innermost async middleware that has called next()

    def __init__(self, req: Any = None, start_response: Callable[..., Any] | None = None) -> None:
        self.req = req
        self._start_response = start_response
        self._status = 200
        self._status_was_set = False
        self._headers: dict[str, tuple[str, str]] = {}
        self._repeated_headers: dict[str, list[tuple[str, str]]] | None = None  # further lines of a header
        self._content = b""
        self._content_headers: HeaderLines = ()  # that the content brings along unless a Content-Type was set
        self._wants_etag = False  # whether the content gets an ETag
        self._is_unbuffered = False  # whether there is more to do than to send content in memory
        self._state = OPEN
        self._in_middleware = False  # whether middleware holds the response now

    # -- status ----------------------------------------------------------------------------

    @property
    def status_code(self) -> int:
        """The status code; 200 until it is set."""
        return self._status

    @status_code.setter
    def status_code(self, code: int) -> None:
        self.status(code)

    def status(self, code: int) -> Response:
        """Set the status code, an int from 200 to 599 (RFC 9110 section 15)."""
        if type(code) is not int:
            code = _as_int(code)
        if not 200 <= code <= 599:
            raise ValueError(f"a status is an int from 200 to 599, not {code!r}")
        if self._state:
            if not self._can_change("set the status"):
                return self
            self._note("status", "", code)
        self._status = code
        self._status_was_set = True
        return self

    @property
    def headers_sent(self) -> bool:
        """Whether the response can no longer be changed.

        For a handler that is once it has answered, by json, send, end, redirect or the first write;
        for middleware, once the first byte has left.
        """
        return self._state > OPEN and not (self._in_middleware and self._write is None)

    @property
    def body(self) -> bytes | None:
        """The content as it is now, in bytes; None for a stream, and once some of it has left."""
        is_in_memory = self._stream is None and self._application is None and self._write is None
        return self._content if is_in_memory else None

    # -- headers ---------------------------------------------------------------------------

    @property
    def headers(self) -> Headers:
        """A read-only view of the headers that were set, and of the content's own.

        ETag and Content-Length are decided when the response is sent, and are not among them before.
        """
        return _HeadersView(self)

    def set_header(self, name: str, value: HeaderValue) -> Response:
        """Set a header, replacing what it had; a list makes one line for each value.

        Vary is a list that everybody adds to (RFC 9110 section 12.5.5): its members are added.
        """
        key = FIELD_KEYS.get(name)
        if key is None or self._state:
            key = key or check_field_name(name)
            if self._state or key == "vary":
                return self._change("set", key, name, value)
        if type(value) is str:
            if not (value.isascii() and value.isprintable()):
                value = encode_field_value(name, value)
            self._headers[key] = (name, value)
            if self._repeated_headers is not None:
                self._repeated_headers.pop(key, None)
            return self
        self._apply("set", key, field_lines(key, name, value))
        return self

    def set_headers(self, headers: Mapping[str, HeaderValue]) -> Response:
        """Set several headers, each as `set_header` does."""
        for name, value in headers.items():
            self.set_header(name, value)
        return self

    def append_header(self, name: str, value: HeaderValue) -> Response:
        """Add a header line, keeping those that are there."""
        return self._change("append", FIELD_KEYS.get(name) or check_field_name(name), name, value)

    def before_head(self, function: Callable[..., object]) -> Response:
        """Call `function` once before the head leaves, before the first `write` too.

        It is called with the response if it has a parameter, and may change all of it that is not
        content. The last one that was given is called first, as middleware returns.
        """
        if self._state and not self._can_change("call anything before the head"):
            return self
        if self._head_hooks is None:
            self._head_hooks = []
        self._head_hooks.append((function, self._in_middleware))
        self._is_unbuffered = True
        return self

    def get_header(self, name: str) -> str | list[str] | None:
        """The header's value; a list when it has several lines, and always for Set-Cookie."""
        key = name.lower()
        line = self._headers.get(key)
        if line is not None:
            more = (self._repeated_headers or {}).get(key, ())
            if more or key == "set-cookie":
                return [decode_field_value(value) for _, value in (line, *more)]
            return decode_field_value(line[1])
        return next((value for name, value in self._content_headers if name.lower() == key), None)

    def remove_header(self, name: str) -> Response:
        """Remove every line of a header; it need not be there."""
        if self._state:
            if not self._can_change(f"remove the header {name!r}"):
                return self
            self._note("remove", name.lower(), [])
        self._drop(name.lower())
        return self

    def _change(self, change: str, key: str, name: str, value: HeaderValue) -> Response:
        """Change a header, and note it where it must outlive the answer."""
        lines = field_lines(key, name, value)
        if self._state:
            if not self._can_change(f"{change} the header {name!r}"):
                return self
            self._note(change, key, lines)
        self._apply(change, key, lines)
        return self

    def _note(self, change: str, key: str, what: Any) -> None:
        """Note what middleware has changed since the answer, which the answer may be dropped without."""
        if self._state != FAILED:  # then there is no answer
            if self._changes is None:
                self._changes = []
            self._changes.append((change, key, what))

    def _apply(self, change: str, key: str, lines: Sequence[tuple[str, str]]) -> None:
        if key == "vary" and change != "remove":
            self._vary(lines)
            return
        if change != "append":
            self._drop(key)
        for name, value in lines:
            self._append(key, name, value)

    def _vary(self, lines: Iterable[tuple[str, str]]) -> None:
        """Add members to Vary."""
        members = merge_vary(value for _, value in (*self._lines_of("vary"), *lines))
        self._drop("vary")
        if members:
            self._headers["vary"] = ("Vary", members)

    def _lines_of(self, key: str) -> list[tuple[str, str]]:
        line = self._headers.get(key)
        return [] if line is None else [line, *(self._repeated_headers or {}).get(key, ())]

    def _append(self, key: str, name: str, value: str) -> None:
        if self._headers.setdefault(key, line := (name, value)) is not line:
            if self._repeated_headers is None:
                self._repeated_headers = {}
            self._repeated_headers.setdefault(key, []).append(line)

    def _drop(self, key: str) -> None:
        self._headers.pop(key, None)
        if self._repeated_headers is not None:
            self._repeated_headers.pop(key, None)

    def set_cookie(
        self,
        name: str,
        value: str = "",
        *,
        max_age: int | None = None,
        expires: datetime | int | float | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = None,
        partitioned: bool = False,
    ) -> Response:
        """Add a Set-Cookie line. `max_age` is in seconds, `expires` a datetime or a timestamp.

        What a cookie cannot hold is percent-encoded in the value. Raises ValueError for a
        name, path, domain or samesite that is none.
        """
        line = dump_cookie(
            name,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        if self._state:
            if not self._can_change(f"set the cookie {name!r}"):
                return self
            self._note("append", "set-cookie", [("Set-Cookie", line)])
        self._append("set-cookie", "Set-Cookie", line)
        return self

    def delete_cookie(self, name: str, *, path: str | None = "/", domain: str | None = None) -> Response:
        """Tell the client to forget a cookie; path and domain are those it was set with."""
        return self.set_cookie(name, "", max_age=0, expires=0, path=path, domain=domain)

    # -- answers ---------------------------------------------------------------------------

    def json(self, value: Data = _NOTHING) -> None:
        """Answer with JSON. Without a value there is no content."""
        if self._state and not self._can_respond("send JSON"):
            return
        if value is not _NOTHING:
            self._content = encode_json(value)
            self._wants_etag = True
        if "content-type" in self._headers:
            self._drop("content-type")  # JSON is called JSON, whatever type was set
        self._content_headers = JSON
        self._state = SENT

    def send(self, body: Any = None) -> None:
        """Answer with what `body` is.

        A str is text/plain and bytes are application/octet-stream unless a type was set; None
        is empty; an iterator of bytes or str, an async one, or a binary file, is streamed and
        closed; everything else is JSON.
        """
        if self._state and not self._can_respond("send"):
            return
        if type(body) in _JSON_TYPES:
            self._send_json(body)
        elif body is None:
            self._state = SENT
        elif isinstance(body, str):
            self._set_content(body.encode(), TEXT if body else ())
        elif isinstance(body, (bytes, bytearray, memoryview)):
            self._set_content(bytes(body), BINARY)
        else:
            self._send_by_type(body)

    def _send_by_type(self, body: Any) -> None:
        cls: Any = type(body)
        kind = kind_of(cls)
        if kind == "async":
            self._send_stream(coroutines.iterate(body))
        elif kind == "stream" or (kind == "unknown" and callable(getattr(body, "read", None))):
            self._send_stream(body)
        else:
            self._send_json(body)

    def _send_json(self, body: Any) -> None:
        self._set_content(encode_json(body), JSON_VALUE)
        if "content-type" in self._headers:
            self._drop("content-type")

    def _set_content(self, content: bytes, lines: HeaderLines) -> None:
        self._content = content
        self._content_headers = lines
        self._wants_etag = True
        self._state = SENT

    def _send_stream(self, body: Any) -> None:
        if hasattr(body, "__next__") and not hasattr(body, "read"):
            self._stream = body
        else:
            length = remaining_size(body)
            self._stream = FileChunks(body, length)
            self._sends_file = True
            if length is not None:
                self._drop("content-length")
                self._headers["content-length"] = ("Content-Length", str(length))
        self._content_headers = BINARY
        self._is_unbuffered = True
        self._state = SENT

    def delegate(self, application: WSGIApplication) -> None:
        """Let another WSGI application answer; headers that were set are added to its own."""
        if self._state and not self._can_respond("delegate"):
            return
        self._application = application
        self._is_unbuffered = True
        self._state = SENT

    def redirect(self, status: int | str, url: str = _NOTHING) -> Response:
        """Answer with a redirect: `redirect(url)`, which is a 307, or `redirect(status, url)`.

        Raises ValueError for a status that is no redirect (301, 302, 303, 307, 308) and for a
        URL with CR, LF or NUL. Any host is allowed: for a target that a client gave see
        `safe_redirect`.
        """
        if url is _NOTHING:
            status, url = 307, status  # type: ignore[assignment]
        if not isinstance(url, str):
            raise TypeError(f"redirect(url) or redirect(status, url), and the URL is a str, not {url!r}")
        if not isinstance(status, int) or status not in REDIRECTS:
            raise ValueError(f"a redirect has the status 301, 302, 303, 307 or 308, not {status!r}")
        if self._state and not self._can_respond("redirect"):
            return self
        location = encode_location(url)
        self._status = int(status)
        self.set_header("Location", location)
        self._content = location.encode()
        self._content_headers = TEXT
        self._state = SENT
        return self

    def safe_redirect(self, status: int | str, url: str = _NOTHING) -> Response:
        """Like `redirect`, for targets that a client gave: raises ValueError for another host."""
        target = status if url is _NOTHING else url
        if not isinstance(target, str) or not is_local(target):
            raise ValueError(f"{target!r} is not a path on this host")
        return self.redirect(status, url)

    def end(self, data: bytes | str = b"") -> None:
        """Answer with `data`, or finish what `write` began."""
        content = _as_bytes(data)
        if self._state == STARTED:
            self._write_chunk(content)
            self._state = SENT
            return
        if self._state and not self._can_respond("end"):
            return
        self._content = content
        if content and isinstance(data, str):
            self._content_headers = TEXT
        self._state = SENT

    def write(self, chunk: bytes | str) -> bool:
        """Send a piece of the answer at once; the first one sends the headers as well.

        The answer ends with `end`, or when the handler returns. What is beyond a Content-Length
        that was set is not sent.
        """
        content = _as_bytes(chunk)
        if self._state not in (OPEN, STARTED) and not self._can_respond("write"):
            return False
        if self._state == OPEN:
            self._run_head_hooks()
            self._write = self._begin()
            self._is_unbuffered = True
            self._state = STARTED
        self._write_chunk(content)
        return True

    def _write_chunk(self, content: bytes) -> None:
        length = self._announced_length()
        if length is not None:
            content = content[: max(0, length - self._written)]
        self._written += len(content)
        if content and self._write is not None:
            self._write(content)

    def _begin(self) -> Callable[[bytes], object]:
        """Send the headers and give what writes content; `apiroutes.wsgi` knows how."""
        raise RuntimeError("this response has no connection to write to")

    def _announced_length(self) -> int | None:
        """The Content-Length that was set; None without one that can be counted."""
        line = self._headers.get("content-length")
        return int(line[1]) if line is not None and line[1].isascii() and line[1].isdigit() else None

    # -- what the rest of the framework needs ----------------------------------------------

    def _can_change(self, what: str) -> bool:
        """Whether something may be changed after the answer. Raises ResponseSentError for a handler."""
        if self._state == CLOSED:
            raise asyncio.CancelledError(f"cannot {what}: this call was cancelled")
        if self._state == FAILED:
            return True
        if not self._in_middleware:
            raise ResponseSentError(f"cannot {what}: the response has already been sent")
        if self._write is not None:
            _log.warning("%s: cannot %s: the head has left; ignored", route_of(self.req), what)
            return False
        return True

    def _can_respond(self, what: str) -> bool:
        """Whether another answer may be given; it takes the place of the first, whose status stays."""
        if self._answered_error is not None:  # an exception's, which was caught: its status goes as well
            return self._replace()
        if not self._can_change(what):
            return False
        if self._state == FAILED:
            self._state = OPEN
            return True
        status = self._status, self._status_was_set
        self._discard_response()
        self._status, self._status_was_set = status
        return True

    def _close(self) -> int:
        """Refuse all from now on, to a call that was cancelled; what is given is for `_reopen`."""
        held, self._state = self._state, CLOSED
        return held

    def _reopen(self, held: int) -> None:
        """Give the response to whoever cancelled the call, with its answer taken back."""
        self._state, self._in_middleware = held, True
        if self._write is None and held != CLOSED:
            self._discard_response()
            self._state = FAILED

    def _snapshot(self) -> _Snapshot:
        """Status and headers as they are now, for `_roll_back`."""
        if not (self._headers or self._status_was_set):
            return UNTOUCHED
        more = {key: list(lines) for key, lines in (self._repeated_headers or {}).items()}
        return self._status, self._status_was_set, dict(self._headers), more

    def _roll_back(self, saved: _Snapshot) -> None:
        self._status, self._status_was_set, headers, more = saved
        self._headers = dict(headers)
        self._repeated_headers = {key: list(lines) for key, lines in more.items()} or None

    def _discard_response(self) -> None:
        """Forget the answer: what the handler said goes, the headers that middleware has set stay.

        Only before the head has left.
        """
        changes = self._changes or []
        if self._checkpoint is None:  # it was middleware's: all stays but what describes the content
            self._status, self._status_was_set = 200, False
            for key in CONTENT_FIELDS:
                self._drop(key)
            changes = [one for one in changes if one[1] in CONTENT_FIELDS]
        else:
            self._roll_back(self._checkpoint)
        self._clear_content()
        for change, key, lines in changes:
            if change != "status":
                self._apply(change, key, lines)
        self._changes = self._checkpoint = None  # what is left is middleware's

    def _replace(self) -> bool:
        """Make room for the answer that middleware returns; whether there is any."""
        if self._state in (OPEN, FAILED):
            self._state = OPEN
            return True
        if not self._can_change("replace the answer"):
            return False
        statuses = [code for change, _, code in self._changes or () if change == "status"]
        self._discard_response()
        if statuses:
            self.status(statuses[-1])
        return True

    def _fail(self, error: BaseException) -> None:
        """Forget an answer that an exception followed, unless it is the exception's own.

        The answer of a handler without middleware is sent, as Next.js does (recorded). Middleware lets no
        success be seen that an exception has followed.
        """
        was_handlers, self._in_middleware = not self._in_middleware, True
        if self._state == CLOSED:
            return
        if error is self._answered_error:
            self._status = self._answered_status
            return
        is_alone = was_handlers and self._checkpoint is None
        if self._state in (OPEN, FAILED):
            self._checkpoint = None  # which the endpoint has gone back to
        elif is_alone and self._is_complete():
            self._answered_error, self._answered_status = error, self._status
        elif self._write is not None:
            self._answered_error, self._cut_by = None, error
        elif is_alone:
            self._roll_back(UNTOUCHED)
            self._clear_content()
        else:
            self._discard_response()
        if self._state == OPEN:
            self._state = FAILED

    def _is_complete(self) -> bool:
        """Whether the handler has answered, with content that is all there or has left."""
        return self._state == SENT and self._stream is None and self._application is None

    def _clear_content(self) -> None:
        """Forget the content and all that it brings along, so that another answer can be given."""
        if self._stream is not None:
            coroutines.call_off_the_loop(partial(_close_dropped, self._stream, self.req))
        self._content, self._content_headers, self._wants_etag = b"", (), False
        self._stream = self._application = None
        self._sends_file = False
        if self._head_hooks is not None:  # what the handler has set goes with its answer
            self._head_hooks = [hook for hook in self._head_hooks if hook[1]] or None
        self._is_unbuffered = self._head_hooks is not None or self._end_hooks is not None
        self._answered_error = None
        self._state = OPEN

    def _run_head_hooks(self) -> None:
        """Call what is to be called before the head leaves, each once.

        When one fails the others are called before the head of the error.
        """
        held, self._in_middleware = self._in_middleware, True
        try:
            while self._head_hooks:
                hook, _ = self._head_hooks.pop()
                call_hook(hook, self)
        finally:
            self._in_middleware = held

    def _call_at_end(self, function: Callable[[Response], object]) -> None:
        """Call `function` once with the response as it was sent, when the answer has ended, whole or not."""
        self._end_hooks = [*(self._end_hooks or ()), function]
        self._is_unbuffered = True

    def _run_end_hooks(self) -> None:
        """Call what is to be called when the answer has ended."""
        ends, self._end_hooks = self._end_hooks, None
        for function in reversed(ends or ()):
            function(self)

    def _start_streaming(self) -> None:
        """Run a returned application, or a stream, to its first chunk; the rest is sent later.

        The application's status and headers are the response's from then on.
        """
        if self._application is not None:
            status, headers, self._stream = run_application(self._application, self.req.environ)
            self._application = None
            self._take_application_head(status, headers)
        elif self._stream is not None and self._can_begin():
            stream, self._stream = self._stream, iter(())  # it is closed once, also when it fails
            self._stream = Begun(stream)

    def _can_begin(self) -> bool:
        """Whether the stream's first chunk can be taken now. Of a file the request may have a part alone."""
        is_part = self._sends_file and not isinstance(self._stream, FileChunks)
        return not is_part and not isinstance(self._stream, Begun)

    def _take_application_head(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """The head of an application's answer, over what was set before."""
        self._status, self._status_was_set = status, True
        for key in {name.lower() for name, _ in headers} - {"set-cookie", "vary"}:
            self._drop(key)
        for name, value in headers:
            self._apply("append", name.lower(), [(name, value)])
        self._content_headers = ()


class _HeadersView(Headers):
    """The headers of a response as they are when they are looked at."""

    def __init__(self, response: Response) -> None:
        self._response = response

    @property
    def _list(self) -> list[tuple[str, str]]:
        return _readable_lines(self._response)

    @_list.setter
    def _list(self, value: object) -> None:
        raise TypeError("res.headers is read-only: res.set_header(name, value) sets one")

    def _reject(self, *arguments: Any, **more: Any) -> Any:
        raise TypeError("res.headers is read-only: res.set_header(name, value) sets one")

    def copy(self) -> Any:
        """The headers as they are now, which can be written."""
        return Headers(self._list)

    __copy__ = copy
    __setitem__ = __delitem__ = _reject
    add = add_header = append = clear = extend = insert = pop = popitem = remove = _reject
    set = setlist = setdefault = setlistdefault = update = __ior__ = _reject


def _readable_lines(response: Response) -> list[tuple[str, str]]:
    lines = [line for key in response._headers for line in response._lines_of(key)]
    if "content-type" not in response._headers:
        lines += response._content_headers
    return [(name, decode_field_value(value)) for name, value in lines]


def call_hook(hook: Callable[..., object], response: Response) -> None:
    """Call what `before_head` was given, with the response if it has a parameter."""
    result = hook(response) if _has_parameter(hook) else hook()
    if hasattr(result, "__await__"):
        coroutines.run(result)


def _close_dropped(stream: object, request: Any) -> None:
    """Close a stream in whose place another answer is given; a fault of it is logged and changes nothing."""
    try:
        close(stream)
    except Exception as error:
        log_fault(request, route_of(request), error, "failed to close an answer that was dropped")


def _has_parameter(function: Callable[..., object]) -> bool:
    """Whether a function must be called with an argument."""
    plain = getattr(function, "__func__", function)
    code = getattr(plain, "__code__", None)
    if code is None:
        return True
    given = len(plain.__defaults__ or ()) + (plain is not function)
    return bool(code.co_argcount > given)


def _as_int(code: object) -> int:
    """A status of another class, such as http.HTTPStatus, as the int that it is."""
    if isinstance(code, int) and not isinstance(code, bool):
        return int(code)
    raise TypeError(f"a status is an int from 200 to 599, not {code!r}")


def _as_bytes(data: object) -> bytes:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"content is bytes or str, not {data!r}")
