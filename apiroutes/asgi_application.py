"""The App as an ASGI application: async chains run on the server's loop, all others in threads.

In: a scope, `receive` and `send`. Out: messages. Raises what a server has to know: the cancellation of a
request, errors of a project's fallback, and a scope other than HTTP.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from werkzeug.exceptions import HTTPException

from apiroutes.after_response import Work, WorkPool, current_work, when_asked_for
from apiroutes.asgi import ASGIConnection, Scope, Send, environ_of
from apiroutes.asgi_content import Receive, ReceivedContent
from apiroutes.asgi_lifespan import answer_lifespan
from apiroutes.body import Limits, expects_continue, limits_of
from apiroutes.cache import Cache
from apiroutes.concurrency import coroutines, is_async
from apiroutes.errors import ApiError, HandlerTimeout, LifespanError, ResponseAborted
from apiroutes.event_loop import (
    RequestThread,
    ThreadPool,
    call_in_pool,
    in_request_thread,
    is_being_cancelled,
    is_task_of_request,
    server_loop,
)
from apiroutes.lifespan import Lifespan
from apiroutes.request import Request
from apiroutes.resources import KNOWN_METHODS, LoopRun, Resource, check_method
from apiroutes.settings import Settings
from apiroutes.threads import current_waiter
from apiroutes.types import ROUTE, Environ, Params, StartResponse
from apiroutes.wrong_interface import CALLED_BY_WSGI
from apiroutes.wsgi import ServerResponse, send

__all__ = ["ASGIApplication"]

_log = logging.getLogger("apiroutes")

_AHEAD = 2**16  # bytes of content that are received before a thread is used
_DIGITS = 18  # of a length that can be compared with a limit
# Threads for calls that may wait. A waiting thread costs little, and a handler has to wait for a free one.
_THREADS = 64


class _App(Protocol):
    """What an ASGI application needs of its App."""

    @property
    def _look_up(self) -> Callable[[Environ], tuple[Resource | None, Params]]: ...

    _lifespan: Lifespan
    _request: type[Request]
    _response: Callable[..., ServerResponse]
    work_pool: WorkPool
    cache: Cache

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]: ...

    def _refuse_requests(self) -> None: ...

    def _respond_to_error(
        self,
        error: BaseException,
        resource: Resource,
        request: Request,
        response: ServerResponse,
        start_response: StartResponse,
    ) -> Iterable[bytes]: ...

    def _finish_content(
        self, content: Iterable[bytes], request: Request, response: ServerResponse, environ: Environ
    ) -> Iterable[bytes]: ...


class ASGIApplication:
    """An App for ASGI servers; at most `settings.threads` threads answer."""

    def __init__(self, app: _App, fallback: Callable[..., Any] | None, settings: Settings) -> None:
        self.app = app
        self.forget_start()
        self._asgi_fallback = fallback if fallback is not None and is_async(fallback) else None
        self._limits = limits_of(settings)  # for the fallback, which has no limits of its own
        self._threads = ThreadPool(settings.threads or _THREADS, "apiroutes-pool")
        app.cache.serve_with(_THREADS)
        when_asked_for(self._answer_with_work)

    def _answer_with_work(self) -> None:
        """From the next request on, let requests leave work to do after their response."""
        self._answer = self._answer_and_work  # type: ignore[method-assign]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._answer_other(scope, receive, send)
            return
        environ = environ_of(scope)
        resource, params = self._find(environ)
        if resource is None and not self._has_started:
            await self._start()
            resource, params = self._find(environ)
        if resource is None and self._asgi_fallback is not None:
            await self._asgi_fallback(scope, receive, send)
            return
        loop = server_loop()
        loop.requests += 1
        if not loop.is_watched:
            loop.watch()
        connection = ASGIConnection(receive, send)
        try:
            await self._answer(environ, resource, params, connection)
        except OSError as error:
            # Without the end of the response, the server breaks the connection. It may be broken already.
            if not isinstance(error, ResponseAborted) and not connection.is_over:
                raise
        finally:
            loop.requests -= 1
            connection.close()

    __call__.__qualname__ = CALLED_BY_WSGI

    def forget_start(self) -> None:
        """Return to the state before the start of the App; the next request starts it again."""
        self._has_started = False
        self._find: Callable[[Environ], tuple[Resource | None, Params]] = _find_nothing

    async def _start(self) -> None:
        """Start the App for its first request."""
        try:
            await self.app._lifespan.start_on_loop()
        except LifespanError:
            self.app._refuse_requests()
        self._has_started, self._find = True, self.app._look_up

    async def _answer(
        self, environ: Environ, resource: Resource | None, params: Params, connection: ASGIConnection
    ) -> None:
        method = environ["REQUEST_METHOD"]
        run = None if resource is None else resource.find_on_loop(method)
        if method != "GET" or "CONTENT_LENGTH" in environ or "HTTP_TRANSFER_ENCODING" in environ:
            limits = self._limits if resource is None else resource.limits
            content = await _take_content(environ, limits, connection)
            if content is not None and resource is not None:
                await _receive_ahead(content, environ, resource, run)
        if resource is None or run is None:
            await self._answer_in_thread(environ, connection)
        else:
            environ[ROUTE] = resource.pattern
            request = self.app._request(environ, params, resource.limits)
            token = current_waiter.set(RequestThread())
            try:
                await self._answer_on_loop(request, resource, run, connection)
                await current_waiter.get().finish()
            finally:
                thread = current_waiter.get()
                current_waiter.reset(token)
                thread.end()

    async def _answer_and_work(
        self, environ: Environ, resource: Resource | None, params: Params, connection: ASGIConnection
    ) -> None:
        """Do what `_answer` does, and begin the work when everything has been sent."""
        work = Work(self.app.work_pool, environ, self.app.cache)
        token = current_work.set(work)
        try:
            await ASGIApplication._answer(self, environ, resource, params, connection)
        except BaseException:
            work.has_failed = work.has_failed or not connection.is_answered
            if not work.end():
                self._threads.post(work.run)
            raise
        finally:
            current_work.reset(token)
        if not work.end():
            await call_in_pool(self._threads, work.run)

    # -- a response by a thread ------------------------------------------------------------

    async def _answer_in_thread(self, environ: Environ, connection: ASGIConnection) -> None:
        await connection.send_whole(await call_in_pool(self._threads, self._serve, environ, connection))

    def _serve(self, environ: Environ, connection: ASGIConnection) -> bytes:
        """Call the App through WSGI. Return the content that the loop can send at once."""
        content = self.app(environ, connection.start_response)
        if type(content) is list:
            return b"".join(content)
        # A stream may take long, and must not hold a thread that answers requests.
        with self._threads.one_more():
            connection.send_from_thread(content)
        return b""

    # -- a response on the loop ------------------------------------------------------------

    async def _answer_on_loop(
        self, request: Request, resource: Resource, run: LoopRun, connection: ASGIConnection
    ) -> None:
        environ = request.environ
        response = self.app._response(request, connection.start_response)
        try:
            try:
                if environ["REQUEST_METHOD"] not in KNOWN_METHODS:
                    check_method(environ["REQUEST_METHOD"])
                await run(response)
                if response._is_unbuffered:
                    content = await _send_unbuffered(response, connection)
                else:
                    content = send(response, environ, connection.start_response)
            except BaseException as error:
                if _is_ended_by_server(error):
                    raise
                content = await self._respond_to_error(error, resource, request, response, connection)
            if request._pending:
                content = self.app._finish_content(content, request, response, environ)
            if type(content) is list:
                await connection.send_whole(content[0] if content else b"")
            else:
                await _send_stream(content, response, connection)
        except BaseException:
            response._run_end_hooks()
            request.close()
            raise

    async def _respond_to_error(
        self,
        error: BaseException,
        resource: Resource,
        request: Request,
        response: ServerResponse,
        connection: ASGIConnection,
    ) -> Iterable[bytes]:
        if isinstance(error, HandlerTimeout):
            current_waiter.get().end()  # a late function may hold the thread
            current_waiter.set(RequestThread())
        # A Werkzeug exception may have its own response, which is a WSGI application.
        has_response = isinstance(error, HTTPException) and not isinstance(error, ApiError)
        arguments = error, resource, request, response, connection.start_response
        if has_response or _has_hook_that_waits(response):
            return await in_request_thread(self.app._respond_to_error, *arguments)
        return self.app._respond_to_error(*arguments)

    # -- what is not a request -------------------------------------------------------------

    async def _answer_other(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await answer_lifespan(self.app._lifespan, self._asgi_fallback, scope, receive, send)
        elif self._asgi_fallback is not None:
            await self._asgi_fallback(scope, receive, send)
        elif kind == "websocket":
            # Record: A client requests a WebSocket, and there is no ASGI `fallback` that could answer.
            _log.warning("A WebSocket was refused with 403: %r; routes answer only HTTP", scope["path"][:200])
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            raise RuntimeError(
                f"the server sent a scope of type {kind!r}, which is neither HTTP nor a lifespan"
            )


def _find_nothing(environ: Environ) -> tuple[Resource | None, Params]:
    """Stand in for the look-up until the App has started."""
    return None, {}


async def _take_content(
    environ: Environ, limits: Limits, connection: ASGIConnection
) -> ReceivedContent | None:
    """Put the request's content into the environ, and return it, if there is any."""
    length = environ.get("CONTENT_LENGTH")
    is_announced = length is not None or "HTTP_TRANSFER_ENCODING" in environ
    if (length == "0" and "HTTP_TRANSFER_ENCODING" not in environ) or (
        not is_announced and environ["REQUEST_METHOD"] in ("GET", "HEAD")
    ):
        return None
    content = ReceivedContent(connection.receive, limits, expects_continue(environ))
    if not is_announced:  # HTTP/2, in which content needs no header
        await content.arrive()
        if content.is_complete and not content.size:
            return None
        environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    connection.content = environ["wsgi.input"] = content
    return content


async def _receive_ahead(
    content: ReceivedContent, environ: Environ, resource: Resource, run: LoopRun | None
) -> None:
    """Wait for as much content as can be received without a thread.

    For code on the loop, that is all content, since it cannot wait for more. But a large form goes to the
    disk, and unparsed content is read as it arrives. A thread is used only when 64 KB have arrived, so that
    clients that send slowly hold no thread.
    """
    limits, length = resource.limits, environ.get("CONTENT_LENGTH", "")
    announced = int(length) if length.isdecimal() and len(length) <= _DIGITS else None
    if announced is not None and announced > limits.size.bytes:
        return  # refused unread
    if run is None or not limits.parse:
        # A client that waits for a 100 may be refused before it sends.
        is_ahead = limits.parse if run is None else announced is not None and announced <= _AHEAD
        if is_ahead and not expects_continue(environ):
            await content.arrive(_AHEAD)
    elif resource.module is not None or resource.middleware:
        is_form = environ.get("CONTENT_TYPE", "").lower().startswith("multipart/")
        await content.arrive(_AHEAD if is_form else limits.size.bytes + 1)


async def _send_unbuffered(response: ServerResponse, connection: ASGIConnection) -> Iterable[bytes]:
    """Do what `apiroutes.wsgi.send` does for more than content in memory; a thread makes calls that wait."""
    application, is_head = response._application, response.req.environ["REQUEST_METHOD"] == "HEAD"
    is_sent_by_loop = coroutines.async_chunks_of(response._stream) is not None and not is_head
    if is_sent_by_loop or (application is not None and is_async(application)):
        await response._start_streaming_on_loop()
        needs_thread = False
    else:
        needs_thread = response._stream is not None or application is not None
    arguments = response, response.req.environ, connection.start_response
    if needs_thread or _has_hook_that_waits(response):
        return await in_request_thread(send, *arguments)
    return send(*arguments)


def _has_hook_that_waits(response: ServerResponse) -> bool:
    """Return whether a function that is called before the head leaves would hold the loop."""
    is_async_hook = any(is_async(hook) for hook, _ in response._head_hooks or ())
    return is_async_hook or response._has_departure_that_waits()


async def _send_stream(
    content: Iterable[bytes], response: ServerResponse, connection: ASGIConnection
) -> None:
    chunks = coroutines.async_chunks_of(response._stream)
    try:
        if chunks is None:
            await in_request_thread(connection.send_from_thread, content)
        else:
            await connection.send_async(content, chunks)
    except ResponseAborted:
        raise
    except OSError:  # the client has left; closing the content has logged it
        if not connection.is_over:
            raise
    await connection.end()


def _is_ended_by_server(error: BaseException) -> bool:
    """Return whether the server ends the request, rather than a task that the handler awaits."""
    if isinstance(error, asyncio.CancelledError):
        return is_being_cancelled()
    # A coroutine is closed from outside its task; a handler can raise GeneratorExit as well.
    return isinstance(error, GeneratorExit) and not is_task_of_request()
