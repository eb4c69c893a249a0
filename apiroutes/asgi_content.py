"""The content of a request that an ASGI server delivers in messages, as an input for WSGI.

In: ASGI's `receive`, and limits. Out: an input. Raises ApiError 408 for a client that sends too slowly,
OSError for a client that has left, and ReadOnLoopError for a read on the event loop that would have to wait.
Coroutines wait with `arrive`; a thread that reads waits while the event loop receives for it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from apiroutes.body import ArrivingInput, Limits, ReadOnLoopError, too_slow
from apiroutes.event_loop import run, within

__all__ = ["Receive", "ReceivedContent"]

_CHUNK = 2**16

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class ReceivedContent(ArrivingInput):
    """The content that has arrived, and the rest as it arrives.

    A client may take `limits.timeout` seconds, and one more second for every `limits.min_rate` bytes; only
    the time spent waiting for it counts. `waits_for_reader`: whether the client sends nothing until the
    server begins to receive (RFC 9110 section 10.1.1).
    """

    def __init__(self, receive: Receive, limits: Limits, waits_for_reader: bool = False) -> None:
        self._receive = receive
        self._seconds = limits.timeout
        self._rate = limits.min_rate.bytes
        self._pieces: deque[bytes] = deque()
        self._turn = asyncio.Lock()  # to receive
        self._failure: Callable[[], Exception] | None = None
        self._waits_for_reader = waits_for_reader
        self.size = 0  # bytes that have arrived and were not read
        self.has_begun = False
        self.is_complete = False
        self.has_left = False  # the client

    # -- on the event loop -----------------------------------------------------------------

    async def arrive(self, size: int = 1) -> None:
        """Wait until `size` bytes can be read, or the content has ended. `read` raises errors."""
        while self._lacks(size):
            async with self._turn:
                if self._lacks(size):
                    await self._take_in_time()

    async def watch(self) -> None:
        """Return when the client has left. Content that arrives meanwhile is kept, at most 64 KB."""
        while not self.has_left and (self.is_complete or self.size < _CHUNK):
            await self._take_in_turn()

    async def discard(self, size: int, seconds: float) -> None:
        """Receive and discard what the client still sends: at most so many bytes, for so many seconds."""
        until = time.monotonic() + seconds
        try:
            while not (self.is_complete or self.has_left) and size > 0:
                await within(until - time.monotonic(), self._take_in_turn)
                size -= self.size
                self._pieces.clear()
                self.size = 0
        except TimeoutError:
            return

    @property
    def is_sent(self) -> bool:
        """Whether the client is sending the content, or has sent some."""
        return self.has_begun or not self._waits_for_reader

    def _lacks(self, size: int) -> bool:
        return self.size < size and not self.is_complete and self._failure is None

    async def _take_in_time(self) -> None:
        began, size = time.monotonic(), self.size
        try:
            await within(self._seconds, self._take)
        except TimeoutError:
            self._failure = too_slow
        self._seconds -= time.monotonic() - began
        if self._rate:
            self._seconds += (self.size - size) / self._rate

    async def _take_in_turn(self) -> None:
        async with self._turn:
            await self._take()

    async def _take(self) -> None:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.has_left = True
            self._failure = self._failure or _left
            return
        piece = message.get("body", b"")
        if piece:
            self._pieces.append(piece)
            self.size += len(piece)
        self.has_begun = True
        self.is_complete = not message.get("more_body", False)

    # -- as an input (PEP 3333) ------------------------------------------------------------

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, by default all; fewer only at the end."""
        wanted = None if size is None or size < 0 else size
        pieces = []
        while wanted != 0 and (piece := self.read_arrived(_CHUNK if wanted is None else wanted)):
            pieces.append(piece)
            if wanted is not None:
                wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_arrived(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, as soon as some have arrived; none at the end."""
        if self._lacks(1):
            self._wait()
        if not self._pieces:
            if self._failure is not None and not self.is_complete:
                raise self._failure()
            return b""
        piece = self._pieces.popleft()
        if 0 <= size < len(piece):
            self._pieces.appendleft(piece[size:])
            piece = piece[:size]
        self.size -= len(piece)
        return piece

    def _wait(self) -> None:
        if asyncio._get_running_loop() is not None:
            raise ReadOnLoopError(
                "the content was read on the event loop that receives it: use `async for chunk in "
                "req.stream`, read it in a thread (`await asyncio.to_thread(req.stream.read)`, or "
                "`await asyncio.to_thread(lambda: req.raw_body)`), or leave the parsing on"
            )
        run(self.arrive())

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return a line, or up to `size` bytes of it."""
        line = b""
        wanted = None if size is None or size < 0 else size
        while (wanted is None or len(line) < wanted) and (piece := self.read_arrived()):
            end = piece.find(b"\n") + 1 or len(piece)
            if wanted is not None:
                end = min(end, wanted - len(line))
            if end < len(piece):
                self._pieces.appendleft(piece[end:])
                self.size += len(piece) - end
            line += piece[:end]
            if line.endswith(b"\n"):
                break
        return line

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        """Return all lines that are left."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


def _left() -> ConnectionResetError:
    return ConnectionResetError("the client left before the end of its content")
