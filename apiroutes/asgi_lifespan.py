"""The lifespan of an ASGI server, which starts and stops the App on the server's event loop.

In: a lifespan scope, `receive` and `send`. Out: messages. A fallback has its own lifespan inside this one.
The specification: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from apiroutes.errors import LifespanError
from apiroutes.lifespan import Lifespan
from apiroutes.types import ASGIFunction

__all__ = ["answer_lifespan"]

_log = logging.getLogger("apiroutes")

_Message = Any  # of the type that the server uses


async def answer_lifespan(
    lifespan: Lifespan,
    fallback: ASGIFunction | None,
    scope: Mapping[str, Any],
    receive: Callable[[], Awaitable[_Message]],
    send: Callable[[_Message], Awaitable[None]],
) -> None:
    """Start the App, and stop it; in between, the fallback has its own lifespan, if it supports one."""
    exchange = _Exchange(lifespan, receive, send)
    if fallback is not None:
        try:
            await fallback(scope, exchange.receive, exchange.send)
        except _NotStartedError:
            return
        except Exception as error:
            if exchange.has_answered:
                raise
            # Record: An ASGI `fallback` raises an exception for the server's lifespan, as an application
            # without a lifespan does; it is served anyway.
            _log.info("the fallback has no lifespan: %r", error)
    await exchange.finish()


class _NotStartedError(BaseException):
    """The App did not start, and the server has been told: the fallback must not start."""


class _Exchange:
    """The messages between a server and the App, as a fallback inside it sees them."""

    def __init__(
        self,
        lifespan: Lifespan,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        self._lifespan = lifespan
        self._receive = receive
        self._send = send
        self._received = ""  # the last message of the server
        self.is_answered = True  # whether the last message of the server was answered
        self.has_answered = False

    async def receive(self) -> _Message:
        """Receive a message; start the App before the fallback is asked to start."""
        message = await self._receive()
        self._received, self.is_answered = message["type"], False
        if self._received == "lifespan.startup":
            failure = await self._failure_of(self._lifespan.start_on_loop())
            if failure is not None:
                await self._answer({"type": "lifespan.startup.failed", "message": failure})
                raise _NotStartedError
        return message

    async def send(self, message: _Message) -> None:
        """Send a message of the fallback; stop the App after the fallback has ended, or failed to start."""
        if message["type"] != "lifespan.startup.complete":
            failure = await self._failure_of(self._lifespan.stop_on_loop())
            if failure is not None and message["type"] == "lifespan.shutdown.complete":
                message = {"type": "lifespan.shutdown.failed", "message": failure}
        await self._answer(message)

    async def _failure_of(self, change: Awaitable[None]) -> str | None:
        """Return in one line why the App did not start or end: the server logs it, as the App has."""
        try:
            await change
        except LifespanError as error:
            (problem,) = error.problems
            place = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
            return f"{place}: {problem.message}"
        return None

    async def finish(self) -> None:
        """Continue without a fallback, or after a fallback that has answered all that it wants."""
        try:
            while True:
                if self.is_answered:
                    if self._received not in ("", "lifespan.startup"):
                        return
                    await self.receive()
                await self.send({"type": f"{self._received}.complete"})
        except _NotStartedError:
            return

    async def _answer(self, message: _Message) -> None:
        self.is_answered = self.has_answered = True
        await self._send(message)
