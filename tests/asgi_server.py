"""ASGI applications called as a server calls them, and what a server requires of their responses, checked.

`AsWSGI` shows one as a WSGI application, for tests and runners that drive those. Its requests come in several
messages, on one event loop, which runs beside the tests for as long as their process.
https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import io
import os
import queue
import re
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import unquote

from apiroutes.errors import ResponseAborted

Message = MutableMapping[str, Any]
ASGIApplication = Callable[[Any, Any, Any], Awaitable[None]]
_Result = TypeVar("_Result")

SECONDS = 60  # for an event that must come
_PIECE = 2**16  # bytes of content in a message, at most
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_NAMES = {"etag": "ETag", "www-authenticate": "WWW-Authenticate"}


class Connection:
    """The server's side of one request: it hands over messages, and checks and keeps those that it is sent.

    `pieces` are the messages of the request's content: None stands for a client that leaves. After them
    nothing comes until `feed` or `leave` is called, or the response is complete. What an application does
    wrong is an AssertionError for it, and in `problems`, since it may catch the error.
    """

    def __init__(self, *pieces: bytes | None, method: str = "GET", is_whole: bool = True) -> None:
        self.sent: list[Message] = []
        self.problems: list[str] = []
        self.is_complete = False
        self.has_left = False
        self.is_told = True  # whether `send` raises an error when the client has left
        self.leaves_early = False  # sends no more once the response has begun
        self.received = 0  # messages
        self._is_receiving = False
        self._method = method
        self._expected: int | None = None  # bytes, by Content-Length
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        for number, piece in enumerate(pieces):
            if piece is None:
                self.leave()
            else:
                self.feed(piece, more_body=not is_whole or number + 1 < len(pieces))
        if not pieces and is_whole:
            self.feed(b"", more_body=False)

    def feed(self, piece: bytes, more_body: bool = True) -> None:
        """Hand over a piece of the content."""
        self._incoming.put_nowait({"type": "http.request", "body": piece, "more_body": more_body})

    def leave(self) -> None:
        """Have the client leave: what is sent from now on reaches nobody."""
        self.has_left = True
        self._incoming.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> Message:
        """ASGI's `receive`."""
        if self._is_receiving:
            self.problems.append("receive was called twice at once")
        self._is_receiving = True
        try:
            message = await self._next()
            self.received += 1
            return message
        finally:
            self._is_receiving = False

    async def _next(self) -> Message:
        message = await self._incoming.get()
        if message["type"] == "http.disconnect":
            self._incoming.put_nowait(message)  # as often as it is asked for
        return message

    async def send(self, message: Message) -> None:
        """ASGI's `send`. It raises OSError when the client has left (version 2.4 of the specification).

        Where not `is_told`, as in earlier versions, messages are lost then.
        """
        if self.has_left:
            if self.is_told:
                raise ConnectionResetError("the client has left")
            return
        try:
            self._check(message)
        except AssertionError as error:
            self.problems.append(str(error))
            raise
        self.sent.append(message)
        if self.leaves_early:
            self._incoming.put_nowait({"type": "http.disconnect"})
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.is_complete = True
            self._incoming.put_nowait({"type": "http.disconnect"})

    # -- what was sent ---------------------------------------------------------------------

    @property
    def status(self) -> int:
        """The status; -1 before there is one."""
        return int(self.sent[0]["status"]) if self.sent else -1

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The header lines."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.sent[0]["headers"]]

    @property
    def body(self) -> bytes:
        """The content, as far as it was sent."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    # -- what a server requires ------------------------------------------------------------

    def _check(self, message: Message) -> None:
        assert not self.is_complete, f"{message['type']} was sent after the end"
        if message["type"] == "http.response.start":
            assert not self.sent, "a second response was begun"
            self._check_start(**{name: value for name, value in message.items() if name != "type"})
        else:
            assert message["type"] == "http.response.body", f"{message['type']!r} is no message of a response"
            assert self.sent, "content came before the response began"
            self._check_body(**{name: value for name, value in message.items() if name != "type"})

    def _check_start(self, status: object, headers: Any, trailers: bool = False) -> None:
        assert type(status) is int, f"the status {status!r} is no int"
        assert 200 <= status <= 599, f"the status {status}"
        assert not trailers, "trailers were announced"
        for name, value in headers:
            assert type(name) is type(value) is bytes, f"the header {name!r}: {value!r} is not in bytes"
            assert _TOKEN.fullmatch(name), f"the header name {name!r}"
            assert _VALUE.fullmatch(value), f"the value {value!r} of {name!r}"
        names = [name for name, _ in headers]
        assert b"transfer-encoding" not in names, "an application set Transfer-Encoding"
        lengths = [value for name, value in headers if name == b"content-length"]
        assert len(lengths) < 2, "Content-Length was sent twice"
        if self._method == "HEAD" or status in (204, 304):
            assert status != 204 or not lengths, "a 204 had a Content-Length"
            self._expected = 0
        elif lengths:
            assert lengths[0].isdigit(), f"the Content-Length {lengths[0]!r}"
            self._expected = int(lengths[0])

    def _check_body(self, body: object = b"", more_body: object = False) -> None:
        assert type(body) is bytes, f"content is {type(body).__name__}"
        assert type(more_body) is bool, f"more_body is {more_body!r}"
        if self._expected is not None:
            count = len(self.body) + len(body)
            assert count <= self._expected, f"{count} bytes were sent instead of {self._expected}"
            assert more_body or count == self._expected, (
                f"{count} bytes were sent instead of {self._expected}"
            )


# -- as a WSGI application -----------------------------------------------------------------


class AsWSGI:
    """An ASGI application as a WSGI application. A cut connection is a ResponseAborted, as an App raises it.

    The client takes a chunk when the next one is asked for, and leaves when the response is closed before its
    end. Entries of an environ with plain names are in the scope's state; others without a place are lost.
    """

    def __init__(self, application: ASGIApplication) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        request = _Request(self._application, environ)
        status, headers = request.begin()
        start_response(status, headers)
        return request


class _Request(Connection):
    """One request, and the iterator of its response, in the thread that makes the request."""

    def __init__(self, application: ASGIApplication, environ: dict[str, Any]) -> None:
        super().__init__(method=environ["REQUEST_METHOD"], is_whole=False)
        self._content = _content_of(environ)
        self._has_content = True  # still to come
        self._has_room = asyncio.Event()
        # Messages for the thread; None at the application's end.
        self._outgoing: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._is_over = False
        self._loop = running_loop()
        asyncio.run_coroutine_threadsafe(self._run(application, scope_of(environ)), self._loop)

    # In the thread.

    def begin(self) -> tuple[str, list[tuple[str, str]]]:
        """Wait for the response; return its status line and headers. Raises the application's error."""
        if self._take() is None:
            self._raise_error()
        phrase = HTTPStatus(self.status).phrase if self.status in list(HTTPStatus) else "Unknown"
        return f"{self.status} {phrase}", [(_usual(name), value) for name, value in self.headers]

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._is_over:
            raise StopIteration
        self._loop.call_soon_threadsafe(self._has_room.set)
        message = self._take()
        if message is None:
            if not self.is_complete or self.problems:
                self._raise_error()
            raise StopIteration
        body: bytes = message.get("body", b"")
        return body

    def close(self) -> None:
        """Leave, if the response is incomplete, and wait until the application has noticed."""
        if not self._is_over:
            self._loop.call_soon_threadsafe(self.leave)
        while not self._is_over:
            self._take()
        assert not self.problems, self.problems

    def _take(self) -> Message | None:
        message = self._outgoing.get(timeout=SECONDS)
        self._is_over = message is None
        return message

    def _raise_error(self) -> None:
        assert not self.problems, self.problems
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise ResponseAborted(errno.ECONNRESET, "the connection was cut")

    # On the loop.

    async def _run(self, application: ASGIApplication, scope: dict[str, Any]) -> None:
        try:
            await application(scope, self.receive, self.send)
        except BaseException as error:  # SystemExit would end the loop
            self._error = error
        self.leave()  # the server closes the connection, unless the response is complete
        self._outgoing.put(None)

    async def _next(self) -> Message:
        if self._has_content and not self.has_left:
            message = await self._next_content()
            self._has_content = bool(message.get("more_body", False))
            return message
        return await super()._next()

    async def _next_content(self) -> Message:
        read = self._content.read_piece
        piece = read() if self._content.is_in_memory else await _in_thread(read)
        if piece is None:  # the client sends no more, but still reads
            self._incoming.put_nowait({"type": "http.disconnect"})
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": not self._content.has_ended}

    def leave(self) -> None:
        super().leave()
        self._has_room.set()

    async def send(self, message: Message) -> None:
        await super().send(message)
        self._outgoing.put(message)
        if message["type"] == "http.response.body" and not self.is_complete:
            self._has_room.clear()
            await self._has_room.wait()


def _usual(name: str) -> str:
    return _NAMES.get(name) or "-".join(part.capitalize() for part in name.split("-"))


class _Content:
    """The content of `wsgi.input` in pieces; its `length` is in bytes, None where the input tells its end."""

    def __init__(self, source: Any, length: int | None) -> None:
        self._source = source
        self._left = length
        self.is_in_memory = type(source) is io.BytesIO
        self.has_ended = length == 0

    def read_piece(self) -> bytes | None:
        """Return the next piece; None where the client has left before the end, or a test's input fails."""
        size = _PIECE if self._left is None else min(_PIECE, self._left)
        if self.is_in_memory and self._left:  # small content comes in several pieces as well
            size = min(size, self._left // 2 + 1)
        try:
            piece: bytes = (self._source.read(size) if size else b"") or b""
        except Exception:
            return None
        if self._left is None:
            self.has_ended = not piece
        else:
            self._left -= len(piece)
            self.has_ended = self._left == 0
            if not piece and not self.has_ended:
                return None
        return piece


def _content_of(environ: dict[str, Any]) -> _Content:
    length = environ.get("CONTENT_LENGTH", "")
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return _Content(environ["wsgi.input"], None)
    is_valid = length.isascii() and length.isdigit() and len(length) < 19
    return _Content(environ.get("wsgi.input"), int(length) if is_valid else 0)


def scope_of(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the scope of the request that an environ describes."""
    mount, path = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    port = environ["SERVER_PORT"]
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").partition("/")[2],
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        # Servers decode the path as UTF-8, whatever it is.
        "path": (mount + path).encode("latin-1").decode("utf-8", "replace"),
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
        "root_path": mount.encode("latin-1").decode("utf-8", "replace"),
        "headers": _headers_of(environ),
        "server": (environ["SERVER_NAME"], int(port) if port.isdigit() else None),
        "client": None,
        "state": {key: value for key, value in environ.items() if key.isidentifier() and key.islower()},
    }
    if raw is not None:
        scope["raw_path"] = raw.partition("?")[0].encode("latin-1")
    if "REMOTE_ADDR" in environ:
        scope["client"] = (environ["REMOTE_ADDR"], int(environ.get("REMOTE_PORT", 0)))
    return scope


def _headers_of(environ: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    headers = []
    for key, value in environ.items():
        if key.startswith("HTTP_") or key == "CONTENT_TYPE" or (key == "CONTENT_LENGTH" and value):
            name = key.removeprefix("HTTP_").replace("_", "-").lower()
            headers.append((_encoded(name), _encoded(value)))
    return headers


def _encoded(text: str) -> bytes:
    """Return the bytes that a client sends; tests also have environs that no server makes of any."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


# -- the loop beside the tests -------------------------------------------------------------

_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the process's loop for ASGI, which is started if need be."""
    global _loop, _thread
    if _loop is None:
        _loop = asyncio.new_event_loop()
        _thread = threading.Thread(target=_run_for_ever, args=(_loop,), name="asgi-server", daemon=True)
        _thread.start()
    return _loop


def _run_for_ever(loop: asyncio.AbstractEventLoop) -> None:
    while True:
        with contextlib.suppress(SystemExit, KeyboardInterrupt):  # of a task: it would end a server
            loop.run_forever()
            break


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@atexit.register
def _end_loop() -> None:
    """End the loop and its tasks, so that none is destroyed while it is pending."""
    loop, thread = _loop, _thread
    if loop is None or thread is None:
        return
    loop.call_soon_threadsafe(loop.stop)
    thread.join(SECONDS)
    loop.run_until_complete(_end_tasks())


def _forget_loop() -> None:
    global _loop
    _loop = None


os.register_at_fork(after_in_child=_forget_loop)


async def _in_thread(function: Callable[[], _Result]) -> _Result:
    """Call a function that raises nothing in a thread of its own: it may wait for a test."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[_Result] = loop.create_future()
    threading.Thread(
        target=lambda: loop.call_soon_threadsafe(_settle, ended, function()), daemon=True
    ).start()
    return await ended


def _settle(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


# -- by hand -------------------------------------------------------------------------------


def run(main: Awaitable[_Result]) -> _Result:
    """Run a test's coroutine on an event loop of its own, at most a minute."""

    async def run_in_time() -> _Result:
        return await asyncio.wait_for(main, SECONDS)

    return asyncio.run(run_in_time())


def http_scope(
    method: str = "GET", target: str = "/api/x", headers: Iterable[tuple[str, str]] = (), **more: Any
) -> dict[str, Any]:
    """Return the scope of a request. `more` replaces its entries; None removes one."""
    raw, _, query = target.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 5000),
        **more,
    }
    return {name: value for name, value in scope.items() if name in ("client", "server") or value is not None}


def ask(application: ASGIApplication, scope: dict[str, Any], *pieces: bytes | None) -> Connection:
    """Make one request, with these pieces of content, on a loop of its own."""
    connection = Connection(*pieces, method=scope["method"])
    run(application(scope, connection.receive, connection.send))
    assert not connection.problems
    return connection
