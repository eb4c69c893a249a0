"""Spans inside a request's own: one for each middleware, which holds what it calls, and one for the handler.

In: middleware and handlers. Out: the same, each in a span. What they return and raise is what it was; an
exception makes the span an error, and is recorded in the request's span alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial, wraps
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from werkzeug.exceptions import HTTPException

from apiroutes.code_origin import without_package
from apiroutes.concurrency import is_async
from apiroutes.errors import ApiError
from apiroutes.handlers import Handler, RouteModule
from apiroutes.places import is_implicit, name_of
from apiroutes.structs import replace
from apiroutes.telemetry.conventions import name_of_error
from apiroutes.types import Middleware
from apiroutes.version import __version__

__all__ = ["handlers_in_spans", "in_span"]

# It finds the SDK that is configured later.
_start_span = trace.get_tracer("apiroutes", __version__).start_span


def handlers_in_spans(module: RouteModule) -> RouteModule:
    """Return a route's module with its handlers in spans, and their own middleware."""
    handlers = {
        method: replace(
            handler,
            call=_handler_in_span(handler),
            middleware=tuple(map(in_span, handler.middleware)),
        )
        for method, handler in module.handlers.items()
    }
    return replace(module, handlers=handlers)


def in_span(middleware: Middleware) -> Middleware:
    """Return middleware in a span of its own; what `next()` calls is inside."""
    if is_implicit(middleware):
        return middleware
    name = name_of(middleware)
    title, attributes = f"middleware {name}", {"code.function.name": _full_name(middleware)}

    def run(*arguments: Any) -> Any:
        return _run(title, attributes, middleware, arguments)

    async def run_async(*arguments: Any) -> Any:
        return await _run(title, attributes, middleware, arguments)

    wrapped = wraps(middleware)(run_async if is_async(middleware) else run)
    wrapped.__qualname__ = name
    return wrapped


def _full_name(step: object) -> str:
    """Return `code.function.name`: the function with its module, as the project's own code imports it."""
    while isinstance(step, partial):
        step = step.func
    module = without_package(getattr(step, "__module__", None) or type(step).__module__)
    return f"{module}.{name_of(step)}"


def _handler_in_span(handler: Handler) -> Callable[[Any, Any], Any]:
    call = handler.call
    title, attributes = f"handler {handler.name}", {"code.function.name": _full_name(handler.function)}
    if handler.is_async:
        # The call checks the parameters; the coroutine that it returns is the handler.
        return lambda request, response: _Awaited(title, attributes, call(request, response))
    return lambda request, response: _run(title, attributes, call, (request, response))


def _run(title: str, attributes: dict[str, str], call: Callable[..., Any], arguments: Any) -> Any:
    span = _Span(title, attributes)
    try:
        result = call(*arguments)
    except BaseException as error:
        span.end(error)
        raise
    if hasattr(result, "__await__"):
        return span.until_awaited(result)
    span.end()
    return result


class _Span:
    """A span that is current until it ends, in the same thread or task."""

    def __init__(self, title: str, attributes: dict[str, str]) -> None:
        self._outer = contexts.get_current()
        self._span = _start_span(title, attributes=attributes)
        contexts.attach(trace.set_span_in_context(self._span, self._outer))

    async def until_awaited(self, awaitable: Any) -> Any:
        """Await it, and end."""
        try:
            result = await awaitable
        except BaseException as error:
            self.end(error)
            raise
        self.end()
        return result

    def end(self, error: BaseException | None = None) -> None:
        """End the span; with an error of the server's, as a failure."""
        if error is not None and self._span.is_recording() and not _is_answer(error):
            self._span.set_attribute("error.type", name_of_error(error))
            self._span.set_status(StatusCode.ERROR)
        self._span.end()
        if not isinstance(error, GeneratorExit):  # which comes from another task
            contexts.attach(self._outer)


def _is_answer(error: BaseException) -> bool:
    """Return whether an exception is how a handler refuses what the client asks for."""
    if isinstance(error, ApiError):
        return error.status < 500
    return isinstance(error, HTTPException) and (error.code or 0) < 500


class _Awaited:
    """The coroutine of an async handler, in a span that begins when it is awaited."""

    def __init__(self, title: str, attributes: dict[str, str], coroutine: Any) -> None:
        self._title = title
        self._attributes = attributes
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        return _Span(self._title, self._attributes).until_awaited(self._coroutine).__await__()

    def close(self) -> None:
        """Close the coroutine, which has not been awaited."""
        self._coroutine.close()
