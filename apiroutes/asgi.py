"""Translates ASGI calls to WSGI: an environ from the scope, and a start_response that sends messages.

In: a scope, and ASGI's `send`. Out: an environ; messages. Raises OSError in code that writes after the client
has left. This is the only file that calls ASGI's `send` for a response of an App. The specification:
https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import count
from typing import Any
from urllib.parse import unquote_to_bytes

from apiroutes.asgi_content import Receive, ReceivedContent
from apiroutes.body import DRAIN_BYTES, DRAIN_SECONDS
from apiroutes.event_loop import AsyncChunks, call_before_head, run
from apiroutes.streams import close
from apiroutes.types import Environ, HeaderList

__all__ = ["ASGIConnection", "Scope", "Send", "environ_of"]

Scope = Mapping[str, Any]
Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]

# The `send` of some servers does not wait once the client has left, which still has to be noticed.
_CHUNKS_AT_ONCE = 8

# -- the environ -------------------------------------------------------------------------------


def environ_of(scope: Scope) -> Environ:
    """Return the environ (PEP 3333) of an HTTP scope, with empty content."""
    query = scope.get("query_string", b"").decode("latin-1")
    mount = scope.get("root_path", "").rstrip("/")
    path, target = _path_of(scope, mount)
    environ: Environ = {
        **_CONSTANT,
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": mount if mount.isascii() else mount.encode("utf-8", "replace").decode("latin-1"),
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": _PROTOCOLS.get(scope["http_version"], "HTTP/1.1"),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "asgi.scope": scope,
    }
    if target is not None:
        environ["RAW_URI"] = f"{target}?{query}" if query else target
    _add_addresses(environ, scope)
    for name, value in scope["headers"]:
        key = _KEYS.get(name) or _key_of(name)
        if key:
            text = value.decode("latin-1")
            # RFC 9110 section 5.3, and RFC 6265 section 5.4 for cookies.
            if key in environ:
                text = _joined(key, environ[key], text)
            environ[key] = text
    return environ


_CONSTANT: Environ = {
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,  # the messages tell where the content ends
}
_REPLACED = "\N{REPLACEMENT CHARACTER}".encode()  # by servers, for bytes that are not UTF-8
_PROTOCOLS = {"1": "HTTP/1.0", "1.0": "HTTP/1.0", "1.1": "HTTP/1.1", "2": "HTTP/2", "3": "HTTP/3"}


def _path_of(scope: Scope, mount: str) -> tuple[str, str | None]:
    """Return PATH_INFO, and the path as it was sent, if the scope has that and it agrees with its path."""
    path: str = scope["path"]
    raw: bytes = scope.get("raw_path") or b""
    target = None
    sent = raw.decode("latin-1")
    if path.isascii():
        encoded = path
        if sent == path:  # nothing was escaped
            target = sent
    else:
        whole = path.encode("utf-8", "surrogateescape")
        if not raw:  # treat what looks like invalid UTF-8 as such
            whole = whole.replace(_REPLACED, b"\xff")
        encoded = whole.decode("latin-1")
    if target is None and raw:
        # Invalid UTF-8 is replaced in the scope's path; the original bytes show it.
        whole = unquote_to_bytes(sent.partition("?")[0].encode("latin-1"))
        decoded = whole.decode("utf-8", "replace")
        if decoded == path:
            encoded, target = whole.decode("latin-1"), sent
        elif decoded == mount + path:
            target = sent
    # Some servers and frameworks leave the mount in the path, as specified; others do not.
    if mount and path.startswith(mount) and path[len(mount) : len(mount) + 1] in ("", "/"):
        encoded = encoded[len(mount.encode("utf-8", "replace")) :]
    return encoded, target


def _add_addresses(environ: Environ, scope: Scope) -> None:
    server = scope.get("server") or ("localhost", None)
    environ["SERVER_NAME"] = str(server[0])
    port = server[1]
    environ["SERVER_PORT"] = (
        str(port) if port is not None else "443" if scope.get("scheme") == "https" else "80"
    )
    client = scope.get("client")
    if client:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = client[0], str(client[1])


def _key_of(name: bytes) -> str:
    """Return the environ's key for a header; none for a name that would look like another header's.

    `x_forwarded_for` and `x-forwarded-for` have the same key, so one could pass as the other if a proxy
    removes only one of them. gunicorn and nginx drop names with an underscore as well.
    """
    text = name.decode("latin-1").upper()
    if "_" in text:
        key = ""
    else:
        key = text.replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = "HTTP_" + key
    if len(_KEYS) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
        _KEYS[name] = key
    return key


# The keys of header names seen so far; clients must not fill the memory.
_KEYS: dict[bytes, str] = {}
_MOST_NAMES, _LONGEST_NAME = 512, 64


def _joined(key: str, earlier: str, later: str) -> str:
    if key in ("CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_HOST"):
        return later if earlier == later else f"{earlier},{later}"
    return f"{earlier}; {later}" if key == "HTTP_COOKIE" else f"{earlier},{later}"


# -- the response ------------------------------------------------------------------------------


class ASGIConnection:
    """The connection of a request and its response: `start_response` and `write` of PEP 3333.

    In a thread, `write` waits until the server has accepted the chunk; on the event loop it does not wait,
    and chunks are sent in order as soon as the loop is free. `content` is the request's content, if any.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self.receive = receive
        self._send = send
        self.content: ReceivedContent | None = None
        self._head: tuple[str, HeaderList] | None = None
        self._waiting: deque[bytes] = deque()
        self._turn: asyncio.Lock | None = None
        self._flushing: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._on_leave: Callable[[], object] | None = None
        self.has_begun = False  # whether the head has left
        self.is_over = False  # whether nothing more can be sent

    def start_response(
        self, status: str, headers: HeaderList, exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """Store status and headers, which are sent with the first piece of content."""
        if exc_info is not None and self.has_begun:
            raise exc_info[1].with_traceback(exc_info[2])
        self._head = status, headers
        return self.write

    def write(self, chunk: bytes) -> None:
        """Send the head, unless it has been sent, and a chunk. Raises OSError if the client has left."""
        if self.is_over:
            raise ConnectionResetError("the client left")
        self._waiting.append(chunk)
        if asyncio._get_running_loop() is None:
            run(self._flush())
        elif self._flushing is None or self._flushing.done():
            self._flushing = asyncio.get_running_loop().create_task(self._flush_quietly())

    def send_from_thread(self, content: Iterable[bytes]) -> None:
        """Send each chunk as it is made, in this thread, and close the content.

        Raises ResponseAborted if the client leaves while an async iterable produces a chunk.
        """
        chunks: AsyncChunks[Any] | None = getattr(content, "async_chunks", None)
        self._on_leave = None if chunks is None else chunks.stop_waiting
        try:
            for chunk in content:
                if chunk:
                    self.write(chunk)
        finally:
            self._on_leave = None
            close(content)

    @property
    def is_answered(self) -> bool:
        """Whether there is a response."""
        return self._head is not None

    # -- on the event loop -----------------------------------------------------------------

    async def send_whole(self, content: bytes) -> None:
        """Send the head, unless it has left, and the rest of the content."""
        if self.has_begun or self._waiting or self._has_unread():
            await self.end(content)
            return
        self.has_begun = self.is_over = True  # most responses: the fewest steps
        await self._send(self._start_message())
        await self._send({"type": "http.response.body", "body": content, "more_body": False})

    async def send_async(self, content: Iterable[bytes], chunks: AsyncChunks[Any]) -> None:
        """Send content from an async iterable, each chunk as it comes, and close both.

        The content has begun: its first chunk is ready.
        """
        iterator = iter(content)
        self._on_leave = chunks.stop_waiting
        try:
            for number in count(1):
                chunk = next(iterator, None)
                if chunk is None:
                    break
                await self.send_chunk(chunk)
                await chunks.arrive()
                if number % _CHUNKS_AT_ONCE == 0:
                    await asyncio.sleep(0)
                if self.is_over:
                    break
        finally:
            self._on_leave = None
            try:
                await chunks.aclose()
            finally:
                close(content)

    async def send_chunk(self, chunk: bytes) -> None:
        """Send one chunk. Raises OSError when the client has left."""
        if not self.has_begun:
            await self._begin()
            self._watch()
        if self.is_over:
            raise ConnectionResetError("the client left")
        if chunk:
            await self._pass({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self, content: bytes = b"") -> None:
        """Send the last of the content, and discard what the client is still sending."""
        if self._waiting or self._flushing is not None or not self.has_begun:
            await self._flush()
        if self.is_over:
            return
        self._stop_watching()
        is_unread = self._has_unread()
        if is_unread and content:
            # The server would break the connection, and the client could lose the response. granian does so
            # as soon as it has all bytes of the announced length, so the last byte waits.
            await self._pass({"type": "http.response.body", "body": content[:-1], "more_body": True})
            content = content[-1:]
            await self._discard()
        self.is_over = True
        await self._send({"type": "http.response.body", "body": content, "more_body": False})
        if is_unread and not content:
            await self._discard()

    async def _discard(self) -> None:
        assert self.content is not None
        await self.content.discard(DRAIN_BYTES, DRAIN_SECONDS)

    def close(self) -> None:
        """Send nothing more, and stop waiting for the client to leave."""
        self.is_over = True
        self._stop_watching()

    def _stop_watching(self) -> None:
        watching, self._watching = self._watching, None  # a task refers to this through its error's traceback
        if watching is not None:
            watching.cancel()

    def _has_unread(self) -> bool:
        content = self.content
        return content is not None and not content.is_complete and content.is_sent

    async def _flush_quietly(self) -> None:
        with contextlib.suppress(OSError):  # the next `write` raises it
            await self._flush()

    async def _flush(self) -> None:
        """Send what waits to be sent. Raises OSError when the client has left."""
        if self._turn is None:
            self._turn = asyncio.Lock()
        async with self._turn:
            if not self.has_begun:
                await self._prepare_head()
                await self._begin()
                self._watch()
            while self._waiting:
                await self.send_chunk(self._waiting.popleft())

    async def _prepare_head(self) -> None:
        """Prepare the head to be sent. Raises OSError if it must not be sent."""
        try:
            await call_before_head()
        except OSError:
            self.is_over = True
        if self.is_over:
            raise ConnectionResetError("nothing can be sent")

    async def _begin(self) -> None:
        self.has_begun = True
        await self._pass(self._start_message())

    def _start_message(self) -> Message:
        assert self._head is not None
        status, headers = self._head
        lines = [(_NAMES.get(name) or _name_of(name), value.encode("latin-1")) for name, value in headers]
        return {"type": "http.response.start", "status": int(status[:3]), "headers": lines}

    async def _pass(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:  # since version 2.4 of the specification, servers raise it if the client has left
            self.is_over = True
            raise

    def _watch(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._wait_for_end())

    async def _wait_for_end(self) -> None:
        """Note that the client has left, and tell the code that sends."""
        if self.content is not None:
            await self.content.watch()
            if not self.content.has_left:
                return
        else:
            while (await self.receive())["type"] != "http.disconnect":
                pass
        self.is_over = True
        if self._on_leave is not None:
            self._on_leave()


def _name_of(name: str) -> bytes:
    """Return a header's name in lower case, as the specification requires."""
    encoded = name.lower().encode("latin-1")
    if len(_NAMES) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
        _NAMES[name] = encoded
    return encoded


_NAMES: dict[str, bytes] = {}
