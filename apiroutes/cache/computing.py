"""A handler's computation for the store: with a request made only from the key, and a response of its own.

In: the handler's step, a target, headers, the real response if a client waits. Out: the complete response,
and what was read for it. Raises what the handler raises.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from typing import Any

import werkzeug.wrappers

from apiroutes.after_response import current_work
from apiroutes.cache.cached_routes import CachedRoute, Run
from apiroutes.cache.current import Collection, collecting
from apiroutes.cache.keyed import (
    EndedComputation,
    KeyedContext,
    KeyedEnviron,
    Reads,
    RefusingEnviron,
    class_for_store,
    hand_over,
    keyed_class,
)
from apiroutes.cache.narrowed import narrowed
from apiroutes.cache.targets import Target
from apiroutes.cache.traces import continued_trace
from apiroutes.errors import ResponseSentError
from apiroutes.handlers import CacheConfig
from apiroutes.http import JSON, JSON_VALUE, HeaderValue
from apiroutes.logs import log_fault, route_of
from apiroutes.request import Request
from apiroutes.response import Response
from apiroutes.response_state import SENT
from apiroutes.streams import as_chunk, close
from apiroutes.types import ROUTE, Environ, Params
from apiroutes.wsgi import ServerResponse

__all__ = ["Made", "compute", "transfer"]

# Our own variables, which the project's code cannot reach.
_OURS = frozenset(("apiroutes.caller", "apiroutes.log", "apiroutes.waiter", "apiroutes.work"))


class Made:
    """A response that a handler has made for the store, what it has read, and the names of values in it."""

    __slots__ = ("names", "reads", "response")

    def __init__(self, response: Any, reads: Reads, names: tuple[str, ...]) -> None:
        self.response = response
        self.reads = reads
        self.names = names


def compute(
    route: CachedRoute,
    target: Target,
    params: Params,
    headers: Mapping[str, str],
    like: Request,
    response_class: type[ServerResponse],
    real: Response | None,
    give_up: Callable[[], object],
) -> Made:
    """Call a handler's step for the store.

    The request is of the same App, with the same limits, as `like`. With a `real` response, what a handler
    has sent before it raises stays there as it would without a cache; `give_up` is called when its deadline
    has passed.
    """
    reads, collection = Reads(), Collection(route.cache)
    request = _request_of(route.config, target, params, headers, like, reads, real)
    response = class_for_store(_KeyedResponse, response_class)(request, None)
    work = current_work.get(None)
    if work is not None and work.response is None:  # of a computation without a client
        work.response = response
    calls = 0 if work is None else len(work.calls)
    try:
        _call(route.run, response, _own_context(collection), real, give_up)
    finally:
        if not reads.ended:
            client = _plain(target, params, headers, like) if real is None else real.req
            hand_over(request, narrowed(client, route.config))
    if reads.ended:
        response._clear_content()
        if work is not None:
            work.take_back(calls)  # the handler gives them again
    return Made(response, reads, tuple(collection.names))


def _call(
    run: Run,
    response: ServerResponse,
    context: contextvars.Context,
    real: Response | None,
    give_up: Callable[[], object],
) -> None:
    """Call the handler's step; if it needs the real request, `reads` has that afterwards."""
    reads: Reads = response.req._reads
    if real is not None:
        real._computing = (response.req, response), give_up
    try:
        context.run(run, response)
        if not reads.ended:
            context.run(_complete, response)
    except EndedComputation:
        return
    except BaseException as error:
        if reads.ended:  # and this comes from the handler's way out
            return
        if real is None or not _let_stand(response, real, error):
            raise
        reads.client = "error"
    finally:
        if real is not None:
            real._computing = None


def _request_of(
    config: CacheConfig,
    target: Target,
    params: Params,
    headers: Mapping[str, str],
    like: Request,
    reads: Reads,
    real: Response | None,
) -> Request:
    client: Environ = {} if real is None else real.req._environ
    kind = RefusingEnviron if config.headers == "refused" else KeyedEnviron
    environ = kind(target.environ(), headers if config.headers == "keyed" else None, client, reads)
    dict.__setitem__(environ, ROUTE, like._environ.get(ROUTE))
    request: Request = keyed_class(like.__class__)(environ, params, like._limits)
    listed = {name: like.context[name] for name in config.context if name in like.context}
    vars(request)["_reads"] = reads
    vars(request)["context"] = KeyedContext(listed, config.context, reads)
    return request


def _plain(target: Target, params: Params, headers: Mapping[str, str], like: Request) -> Request:
    """Return the request of a computation without a client, for the time after its end."""
    environ = {**target.environ(), **headers, ROUTE: like._environ.get(ROUTE)}
    return like.__class__(environ, params, like._limits)


class _KeyedResponse(ServerResponse):
    """The part of a response's class that ends a computation at the first byte that would leave.

    `appended` are the keys of headers that the handler has added, not set: together with middleware's they
    are several lines.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.appended: set[str] = set()

    def set_header(self, name: str, value: HeaderValue) -> Response:
        self.appended.discard(name.lower())
        return super().set_header(name, value)

    def append_header(self, name: str, value: HeaderValue) -> Response:
        if name.lower() not in self._headers:
            self.appended.add(name.lower())
        return super().append_header(name, value)

    def _begin(self) -> Callable[[bytes], object]:
        reads: Reads = self.req._reads
        reads.end("stream")


def _own_context(collection: Collection) -> contextvars.Context:
    """Return a context without the variables that middleware and the server have set."""
    context = contextvars.Context()
    for variable, value in contextvars.copy_context().items():
        if variable.name in _OURS:
            context.run(variable.set, value)
    context.run(collecting.set, collection)
    continue_trace = continued_trace()
    if continue_trace is not None:
        context.run(continue_trace)
    return context


def _complete(response: ServerResponse) -> None:
    """Take the content of a returned `werkzeug.Response` into memory, and run the handler's head hooks."""
    application: Any = response._application
    if (
        isinstance(application, werkzeug.wrappers.Response)
        and not application.is_streamed
        and not application.direct_passthrough
    ):
        response._start_streaming()
        stream, response._stream = response._stream, None
        try:
            response._content = b"".join(map(as_chunk, stream or ()))
        finally:
            close(stream)
    if response._stream is None and response._application is None:
        response._run_head_hooks()
        response._head_hooks = None
        response._is_unbuffered = response._end_hooks is not None


def _let_stand(response: ServerResponse, real: Response, error: BaseException) -> bool:
    """Give the client what the handler had sent before it raised, as without a cache.

    Return whether that settles the response: inside middleware, the first response of a handler that responds
    twice is kept. Otherwise the exception decides what happens to it.
    """
    if not response._is_complete():
        return False
    if real._checkpoint is None:
        transfer(response, real)
        return False
    if not isinstance(error, ResponseSentError):
        return False
    log_fault(real.req, route_of(real.req), error, "changed its response after sending it")
    return True


def transfer(source: Any, target: Response) -> None:
    """Copy one response into another; what middleware has set stays, unless it was set again."""
    if source._status_was_set or source._status != 200:
        target._status, target._status_was_set = source._status, source._status_was_set
    for key in source._headers:
        is_added = key == "set-cookie" or key in source.appended
        target._apply("append" if is_added else "set", key, source._lines_of(key))
    is_json = source._content_headers is JSON or source._content_headers is JSON_VALUE
    if is_json and "content-type" not in source._headers:
        target._drop("content-type")
    target._content, target._content_headers = source._content, source._content_headers
    target._etag_start = source._etag_start
    target._stream, target._sends_file = source._stream, source._sends_file
    target._application = source._application
    hooks = [*(target._head_hooks or ()), *(source._head_hooks or ())]
    target._head_hooks = hooks or None
    for departing, function in (source._departure_calls or {}).items():
        target._call_at_departure(departing, function)
    ends = [*(target._end_hooks or ()), *(source._end_hooks or ())]
    target._end_hooks = ends or None
    target._is_unbuffered = target._is_unbuffered or source._is_unbuffered
    target._state = SENT
