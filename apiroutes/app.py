"""The App: built once from a project directory, then called for each request.

In: a project directory and settings; then an environ. Out: a WSGI application. Raises ProjectError at
start with every mistake of the project. While it serves, it raises only ResponseAborted, for the server,
unless the setting `debug_exceptions` asks for faults. Exceptions become responses only here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from werkzeug.exceptions import HTTPException

from apiroutes.after_response import WorkPool, note_failure, noting_responses, when_asked_for, with_work
from apiroutes.body import drain, has_unread
from apiroutes.builtin_endpoints import builtin_endpoints, unobserved_paths
from apiroutes.cache import Cache, note_cache, revalidation_of
from apiroutes.concurrency import is_async
from apiroutes.error_responses import WriteFault, write_exception, write_fault
from apiroutes.errors import ApiError, BodyCutOff, HandlerTimeout, LifespanError, ResponseAborted
from apiroutes.explainer import Explainer
from apiroutes.http import prefers_json
from apiroutes.lifespan import NOTHING_MADE, Lifespan, observer_of
from apiroutes.logs import log_disconnect, log_fault
from apiroutes.lookup import LookUp, Lookup
from apiroutes.overrides import DependencyOverrides
from apiroutes.project import build
from apiroutes.readiness import request_replacement
from apiroutes.request import Request
from apiroutes.resources import KNOWN_METHODS, Resource, check_method
from apiroutes.response import Response
from apiroutes.settings import Settings
from apiroutes.telemetry import with_telemetry
from apiroutes.types import ROUTE, ASGIFunction, Environ, Middleware, Params, StartResponse, WSGIApplication
from apiroutes.wrong_assignments import CheckedRequest, CheckedResponse
from apiroutes.wrong_interface import is_asgi_scope, refuse_asgi
from apiroutes.wsgi import ServerResponse, closing, etag_prefix, send, starting_again

__all__ = ["App"]

# A call's arguments. ASGI servers pass one or three, and an error tells them what to call instead.
_ABSENT: Any = None


class App:
    """The WSGI application of the project directory `root`, which holds `pages/`, `app/` or `routes/`.

    `asgi` is the same App as an ASGI application. Raises ProjectError, which lists every mistake in the
    project.

    Args:
        root: The project directory.
        fallback: The application that answers paths without a route: a WSGI application, or an ASGI
            application for `asgi`.
        middleware: Middleware that runs around everything else, inside the middleware of `middleware.py` and
            of the setting.
        **settings: [Settings](settings.md), which override `[tool.apiroutes]` in `pyproject.toml` and
            `APIROUTES_*` in the environment.
    """

    # Makes what explains faults and mistakes to a developer; the development server sets it.
    make_explainer: ClassVar[Callable[[App], Explainer] | None] = None

    work_pool: WorkPool  # where the project has `after`
    cache: Cache

    def __init__(
        self,
        root: str | os.PathLike[str] = ".",
        *,
        fallback: WSGIApplication | ASGIFunction | None = None,
        middleware: Sequence[Middleware] = (),
        **settings: Any,
    ) -> None:
        self.root: Path = Path(root).resolve()
        """The project directory."""
        project = build(self.root, os.environ, settings, middleware, self._make_own_explainer())
        self.settings: Settings = project.settings
        """All settings with their values."""
        self.routes = project.routes
        self.resources = project.resources
        self.mistakes = project.mistakes
        self.cache = project.cache
        note_cache(self.cache)
        self._fallback = fallback
        self._request = self._make_request_class(project.instrumentation.on_request_error)
        self.overrides = DependencyOverrides([*self.resources.values()], self._request, self._forget_cached)
        self._response = self._make_response_class()
        builtin = dict(builtin_endpoints(project, self.openapi))
        self._unobserved = [builtin[path] for path in unobserved_paths(self.settings)]
        self.lookup = Lookup(project, builtin, has_fallback=fallback is not None)
        self._look_up: LookUp = self._start_and_look_up
        self._asgi: Any = None  # an ASGIApplication, once it is asked for
        self._making_asgi = threading.Lock()
        self._lifespan = self._make_lifespan(project.instrumentation.register)
        when_asked_for(self._answer_with_work)

    def _make_own_explainer(self) -> Explainer | None:
        """Return what explains this App's faults and mistakes, and let it write the responses to faults."""
        make_explainer = type(self).make_explainer
        explainer = None if make_explainer is None else make_explainer(self)
        self._write_fault: WriteFault = write_fault if explainer is None else explainer.write_fault
        self._explain_refusal = None if explainer is None else explainer.explain_refusal
        self._log_hint = None if explainer is None else explainer.log_hint
        return explainer

    def _make_request_class(self, on_request_error: Callable[..., Any] | None) -> type[Request]:
        """Return the class of this App's requests, with the attributes that all of them share."""
        observers: list[Any] = []
        if on_request_error is not None:
            files = {str(route.pattern): route.file for route in self.routes.walk()}
            observers.append(observer_of(on_request_error, files))
        shared = {"_fault_observers": tuple(observers), "_secret_keys": self.settings.secret_key}
        kind = CheckedRequest if self.settings.mode == "development" else Request
        return type("Request", (kind,), shared)

    def _forget_cached(self) -> None:
        """Forget what is cached in this process, because a test has changed what handlers depend on."""
        if self.settings.cache == "memory":  # others use a shared store, too
            self.cache.clear()

    def _make_lifespan(self, register: Callable[[], Any] | None) -> Lifespan:
        settings = self.settings
        times = settings.start_timeout, settings.graceful_timeout
        return Lifespan(register, self.root, *times, self._begin_to_answer, self._forget_start)

    def _make_response_class(self) -> Callable[..., ServerResponse]:
        """Return the class of this App's responses, through which WSGI middleware reaches the App."""
        attributes = {
            "_write_exception": self._write_exception,
            "_etag_prefix": etag_prefix(self.settings.etag, self.settings.etag_max_size),
            "_revalidate": revalidation_of(lambda: self.cache),
        }
        kind = CheckedResponse if self.settings.mode == "development" else ServerResponse
        return type("ServerResponse", (kind,), attributes)

    def _answer_with_work(self) -> None:
        """From the next request on, let requests leave work to do after their response."""
        self.work_pool = self.cache.work_pool = WorkPool(self.settings)
        self._lifespan.add_drain(self.work_pool.drain)
        kind: Any = type(self)
        self.__class__ = with_work(kind)
        self._response = noting_responses(self._response)

    @property
    def asgi(self) -> ASGIFunction:
        """The same App as an ASGI 3 application, made at the first use: it imports asyncio."""
        from apiroutes.asgi_application import ASGIApplication

        with self._making_asgi:
            if self._asgi is None:
                self._asgi = ASGIApplication(self, self._fallback, self.settings)
            asgi: ASGIFunction = self._asgi
            return asgi

    # -- start and stop --------------------------------------------------------------------

    def start(self) -> None:
        """Start the App in this process, unless it has started: run `register` of instrumentation.py.

        A server's worker calls this before the first request; otherwise the first request does. Threads that
        call it at the same time wait for one start. Raises LifespanError if the start fails; the log has the
        cause.
        """
        self._lifespan.start()

    def stop(self, within: float | None = None) -> None:
        """Stop the App: wait for work after responses, then resume `register` after its `yield`.

        Call this when the server has answered its last request. Afterwards the App is as it was before its
        start. Raises LifespanError if the shutdown fails or takes longer than `within`; the log has the
        cause. Without this call, the App stops when the process ends.

        Args:
            within: How long it may take, in seconds; None for what is left of `graceful_timeout`.
        """
        self._lifespan.stop(within)

    @property
    def is_started(self) -> bool:
        """Whether the App has started in this process and nothing has asked it to stop."""
        return self._lifespan.is_started

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Start the App, and stop it at the end of the block: `start` and `stop` for code on an event loop.

        An async `register` runs on that loop, and so do handlers that are called through `asgi`.
        """
        await self._lifespan.start_on_loop()
        try:
            yield
        finally:
            await self._lifespan.stop_on_loop()

    def _begin_to_answer(self, made: Mapping[str, Any]) -> None:
        """Answer requests. Their `req.app` is what `register` has made."""
        self._request.app = MappingProxyType(dict(made))
        self._look_up = with_telemetry(self.lookup.find, self.settings, self._request, self._unobserved)

    def _forget_start(self) -> None:
        """Return to the state before the start; the next request starts the App again."""
        self._request.app = NOTHING_MADE
        self._look_up = self._start_and_look_up
        if self._asgi is not None:
            self._asgi.forget_start()

    def _start_and_look_up(self, environ: Environ) -> tuple[Resource | None, Params]:
        """Start the App for its first request; later requests are looked up by what replaces this method."""
        try:
            self._lifespan.start()
        except LifespanError:
            self._refuse_requests()
        return self._look_up(environ)

    def _refuse_requests(self) -> None:
        """Answer 503 from now on: otherwise each request would try the same failed start again."""
        self._look_up = self.lookup.refusing()
        request_replacement("the application has not started")

    def __call__(
        self, environ: Environ, start_response: StartResponse = _ABSENT, asgi_send: object = None
    ) -> Iterable[bytes]:
        resource, params = self._look_up(environ)
        if resource is None:
            return self._fall_back(environ, start_response, asgi_send)
        if (
            resource.fixed_response is not None
            and environ["REQUEST_METHOD"] == "GET"
            and "CONTENT_LENGTH" not in environ  # content is read and discarded
            and ((accept := environ.get("HTTP_ACCEPT")) == "*/*" or not prefers_json(accept))
        ):
            return resource.fixed_response.send(start_response)
        environ[ROUTE] = resource.pattern
        request = self._request(environ, params, resource.limits)
        response = self._response(request, start_response)
        try:
            method = environ["REQUEST_METHOD"]
            run = resource.by_method.get(method)
            if run is None:
                run = resource.other_methods
                if method not in KNOWN_METHODS:
                    check_method(method)
            run(response)
            content = send(response, environ, start_response)
        except BaseException as error:
            try:
                content = self._respond_to_error(error, resource, request, response, start_response)
            except BaseException:
                response._run_end_hooks()
                request.close()
                raise
        if request._pending:
            return self._finish_content(content, request, response, environ)
        return content

    def _fall_back(
        self, environ: Environ, start_response: StartResponse, asgi_send: object
    ) -> Iterable[bytes]:
        if is_asgi_scope(environ):
            refusal: Iterable[bytes] = refuse_asgi(environ, start_response, asgi_send)
            return refusal
        fallback: Callable[..., Any] | None = self._fallback
        assert fallback is not None
        if is_async(fallback):
            raise TypeError("the fallback is an ASGI application, which `app.asgi` serves and WSGI cannot")
        content: Iterable[bytes] = fallback(environ, start_response)
        return content

    def _finish_content(
        self, content: Iterable[bytes], request: Request, response: Response, environ: Environ
    ) -> Iterable[bytes]:
        """Return the response's content, after which uploads are closed and unread input is discarded."""
        if request._body is not None and request._body.files:
            if response._is_unbuffered:  # a stream may still be reading them
                return closing(content, request.close, environ)
            request.close()
        elif has_unread(environ):
            return closing(content, partial(drain, environ), environ)
        return content

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of the routes, as data for JSON."""
        from apiroutes.openapi import document

        resources = (self.resources[route.file] for route in self.routes.walk())
        routes = [(resource.module, resource.middleware) for resource in resources if resource.module]
        return document(routes, self.settings, self.root.name)

    # -- errors to responses ---------------------------------------------------------------

    def _respond_to_error(
        self,
        error: BaseException,
        resource: Resource,
        request: Request,
        response: ServerResponse,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """Send the response after an exception; a response that was already given is kept.

        Raises ResponseAborted if bytes have left already, and exceptions that end the process.
        """
        try:
            error_to_write = self._settle_error(error, resource, request, response)
        except BaseException:  # no response is sent, or no whole one
            note_failure(error)
            raise
        if isinstance(error, HandlerTimeout):
            note_failure(error)
            # The client has its response before anything is logged, which may take a while.
            # Record: A handler, middleware or dependency has raised something other than an `ApiError`; or a
            # handler has taken longer than its `maxDuration`, and the client has received a 504.
            response._call_at_end(lambda sent: log_fault(request, resource.name, error))
        return self._send_error(error_to_write, resource, response, start_response)

    def _settle_error(
        self, error: BaseException, resource: Resource, request: Request, response: ServerResponse
    ) -> BaseException | None:
        """Log an exception, and return it to be written; None to keep the response that was given.

        Raises ResponseAborted if bytes have left already, and exceptions that end the process. With the
        setting `debug_exceptions`, raises the exception itself.
        """
        _log_disconnect_of(error, request)
        is_handlers = not response._in_middleware
        try:
            response._fail(error)
        except Exception as fault:  # raised by a stream that had to be closed
            log_fault(request, resource.name, fault)
        stands, response._answered_error = response._answered_error is error, None
        is_cut = response._write is not None and not stands
        is_http_error = isinstance(error, (ApiError, HTTPException)) and not (stands and is_handlers)
        is_late = isinstance(error, HandlerTimeout) and not is_cut
        if not is_late and (is_cut or not is_http_error):
            if self.settings.debug_exceptions and not is_cut:
                raise error  # for a debugger around the App, which reports it
            log_fault(request, resource.name, error)
            if stands and self._log_hint is not None:
                self._log_hint(error, request)
        if is_cut:
            # PEP 3333: the client must not mistake half a response for a whole one.
            raise ResponseAborted(errno.ECONNRESET, "the response was cut off") from None
        return None if stands else error

    def _send_error(
        self,
        error: BaseException | None,
        resource: Resource,
        response: ServerResponse,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """Send the response to an exception; without an exception, the response that was given."""
        request: Request = response.req
        try:
            if error is not None:
                self._write_exception(error, request, response)
            return send(response, request.environ, start_response)
        except Exception as fault:
            response._discard_response()
            if isinstance(fault, ApiError):  # what has to be kept before the head leaves cannot be
                self._write_exception(fault, request, response)
            else:  # the error's own text or headers cannot be sent
                log_fault(request, resource.name, fault)
                self._write_fault(fault, request, response)
            return send(response, request.environ, starting_again(start_response))

    def _write_exception(self, error: BaseException, request: Request, response: Response) -> None:
        """Write the response to an exception."""
        write_exception(error, request, response, self._write_fault, self._explain_refusal)


def _log_disconnect_of(error: BaseException, request: Request) -> None:
    """Log that the client has left, if the error says so. Raises the error again if nothing can be sent."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    if isinstance(error, ResponseAborted):
        # Record: The connection has ended while `res.write` was sending.
        log_disconnect(request, "while the response was written")
        raise error
    if isinstance(error, BodyCutOff):
        # Record: The connection has ended before the whole body arrived.
        log_disconnect(request, "before the body's end")
