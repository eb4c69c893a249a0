"""Resources (RFC 9110 section 3.1), which answer paths: of each route, and of paths without a route.

In: steps that were composed at start. Out: the step for a request's method.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from apiroutes.body import Limits
from apiroutes.chain import Step, as_coroutine, as_sync, compose, runs_on_loop
from apiroutes.error_responses import write_error
from apiroutes.errors import ApiError, Problem
from apiroutes.handler_steps import Planned
from apiroutes.handlers import RouteModule
from apiroutes.http import METHODS, phrase
from apiroutes.places import name_of
from apiroutes.routing import Kind, Segment
from apiroutes.structs import Struct, field
from apiroutes.types import Middleware
from apiroutes.wsgi import FixedResponse, ServerResponse

__all__ = ["KNOWN_METHODS", "LoopRun", "NotFound", "Resource", "Run", "check_method"]

KNOWN_METHODS = frozenset((*METHODS, "TRACE"))
# RFC 9110 section 9.1: methods are case-sensitive tokens; all that exist are upper case.
_METHOD = r"[A-Z][A-Z0-9-]{0,31}"

# Answers a request through its response.
Run = Callable[[ServerResponse], Any]
# The same on an ASGI server's event loop; None if a step may wait, which needs a thread.
LoopRun = Callable[[ServerResponse], Awaitable[None]]


class Resource(Struct, frozen=True):
    """Answers the requests to a path, with one function for each method and one for the rest.

    The functions take a response of the App's class; `on_loop` and `others_on_loop` are the same functions
    for an event loop. `name` appears in logs. `pattern` is None if no route answers. `middleware` runs around
    it, in this order; `module` is the route's module. Both are for listings, and so are the `mistakes` that
    keep the route from being served. `fixed_response` is the response to every GET that accepts text, if one
    response is enough.
    """

    name: str
    other_methods: Run
    limits: Limits
    by_method: Mapping[str, Run] = field(default_factory=dict)
    pattern: str | None = None
    module: RouteModule | None = None
    middleware: tuple[Middleware, ...] = ()
    mistakes: tuple[Problem, ...] = ()
    fixed_response: FixedResponse | None = None
    on_loop: Mapping[str, LoopRun | None] = field(default_factory=dict)
    others_on_loop: LoopRun | None = None
    is_shared: bool = True
    planned: tuple[Planned, ...] = ()  # the route's handlers with dependencies

    @property
    def is_cached(self) -> bool:
        """Whether its answers to GET are cached for all clients."""
        return self.module is not None and self.module.config.cache is not None

    @property
    def counts_in_memory(self) -> bool:
        """Whether each worker counts its requests by itself, for a rate limit."""
        return self._has_step("counts_in_memory")

    @property
    def keeps_in_memory(self) -> bool:
        """Whether it has sessions that each worker keeps by itself."""
        return self._has_step("keeps_in_memory")

    def _has_step(self, mark: str) -> bool:
        handlers = () if self.module is None else self.module.handlers.values()
        steps = (*self.middleware, *(step for handler in handlers for step in handler.middleware))
        return any(getattr(step, mark, False) for step in steps)

    def instead(self, name: str, answer: Callable[[ServerResponse], object]) -> Resource:
        """Return a resource that answers in place of this one, inside the same middleware."""
        step = Step(answer, never_waits=True)
        return Resource(
            name,
            as_sync(compose(self.middleware, step)),
            self.limits,
            pattern=self.pattern,
            middleware=self.middleware,
            others_on_loop=as_coroutine(self.middleware, step),
            is_shared=False,
        )

    def find_on_loop(self, method: str) -> LoopRun | None:
        """Return the function that answers a method on an event loop; None if a thread has to answer."""
        return self.on_loop.get(method) if method in self.by_method else self.others_on_loop

    def why_off_loop(self, method: str) -> str | None:
        """Return the name of the first plain function in a method's chain, which needs a thread.

        None if an event loop runs the whole chain: middleware, dependencies and handler.
        """
        assert self.module is not None
        handler = self.module.handlers[method]
        for step in (*self.middleware, *handler.middleware):
            if not runs_on_loop(step):
                return name_of(step)
        return handler.waits_in

    def is_async(self) -> bool:
        """Return whether an event loop runs every chain of the route as a whole."""
        assert self.module is not None
        return all(self.why_off_loop(method) is None for method in self.module.handlers)


class NotFound:
    """Answers paths without a route: with a 404, inside the middleware of the directories above.

    `write` writes the 404, if it has to say more. `complete` gets all middleware of a path, and returns what
    runs.
    """

    def __init__(
        self,
        everywhere: Sequence[Middleware],
        directories: Sequence[tuple[tuple[Segment, ...], tuple[Middleware, ...]]],
        limits: Limits,
        write: Run | None = None,
        complete: Callable[[Sequence[Middleware]], Sequence[Middleware]] = tuple,
    ) -> None:
        self._write = write
        self._complete = complete
        self._everywhere = tuple(everywhere)
        self._directories = directories
        self._limits = limits
        self._built: dict[tuple[int, ...], Resource] = {}
        # The one resource for all such paths, if no directory has middleware.
        self.everywhere = None if directories else self._resource(())

    def below(self, segments: Sequence[str]) -> Resource:
        """Return what answers the path of these segments."""
        around = tuple(
            index
            for index, (below, _) in enumerate(self._directories)
            if len(below) <= len(segments) and all(map(_fits, below, segments))
        )
        # There are no more combinations than directories, so all of them can be kept.
        resource = self._built.get(around)
        if resource is None:
            resource = self._built[around] = self._resource(around)
        return resource

    def _resource(self, around: tuple[int, ...]) -> Resource:
        middleware = list(self._everywhere)
        for index in around:
            middleware += self._directories[index][1]
        middleware = [*self._complete(middleware)]
        step = Step(self._write or _write_not_found, never_waits=True)
        is_fixed = self._write is None and not middleware
        return Resource(
            "a path without a route",
            as_sync(compose(middleware, step)),
            self._limits,
            middleware=tuple(middleware),
            others_on_loop=as_coroutine(middleware, step),
            fixed_response=FixedResponse(404, "Not Found") if is_fixed else None,
        )


def _fits(pattern: Segment, segment: str) -> bool:
    return pattern.kind is not Kind.STATIC or pattern.text == segment


def _write_not_found(response: ServerResponse) -> None:
    write_error(response.req, response, 404, phrase(404))


def check_method(method: str) -> None:
    """Raise ApiError 400 for an invalid method."""
    if not re.fullmatch(_METHOD, method):
        raise ApiError(400, "Bad Request")
