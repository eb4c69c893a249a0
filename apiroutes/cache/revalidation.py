"""Revalidation by path and by tag, from handlers, work after a response, and scripts. Nothing is fetched.

In: a path, a route's pattern, or a tag. Out: nothing that was made before is served by any process that
shares the store. Raises ValueError and TypeError for an invalid path or tag, and RevalidationError if the
store does not accept it. Inside a request it is repeated before the head leaves, because the change may be
committed after the call.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence
from functools import partial
from typing import Any, Literal, get_args

from apiroutes.after_response import current_work
from apiroutes.cache.current import current_cache
from apiroutes.cache.names import below_name, path_name, route_name, tag_name
from apiroutes.cache.response_cache import Cache
from apiroutes.errors import shown, suggest
from apiroutes.handlers import why_not_tag
from apiroutes.http import parse_path
from apiroutes.response import Response
from apiroutes.stores import Mode, StoreError
from apiroutes.threads import native_threads, waiting

__all__ = [
    "Begin",
    "Kind",
    "Revalidation",
    "RevalidationError",
    "begin",
    "names_of_tag",
    "names_to_revalidate",
    "repeat_at_departure",
    "revalidate_now",
    "revalidate_path",
    "revalidate_tag",
    "revalidate_value",
    "revalidation_of",
]

_log = logging.getLogger("apiroutes")

# What is revalidated: what is stored for a path alone, or also for everything below it.
Kind = Literal["page", "layout"]

# Begins the revalidation of a path, for the response on which it is called.
Begin = Callable[[Response, str, "Kind | None", Mode], Awaitable[None]]


class RevalidationError(Exception):
    """A store did not accept a revalidation: old answers may still be served."""


def revalidate_path(path: str, *, type: Kind | None = None, mode: Mode = "expire") -> Awaitable[None]:
    """Stop serving answers for a path whose computation began before; nothing is fetched.

    In plain code it is done when the call returns. In a coroutine the call begins it: it may be awaited, and
    if it is not, the response waits for it. Raises ValueError for an invalid path, and for a pattern that no
    route has, RevalidationError if the store does not accept it, and RuntimeError without an App.

    Args:
        path: It begins with "/", below the place where the App is mounted, and is percent-encoded or not. All
            of its queries, hosts and variants belong to it. The pattern of a route, such as
            "/api/posts/[id]", means all paths of that route.
        type: "page" is the path alone, "layout" the path and everything below it; None is "page".
        mode: With "stale", the old answer is served while a new one is computed.
    """
    cache = _cache()
    return begin(cache, names_to_revalidate(cache, path, type), _checked(mode), _current_response())


def revalidate_tag(tag: str, *, mode: Mode = "expire") -> Awaitable[None]:
    """Do what `revalidate_path` does, for the answers and values with a tag, and for what was made with them.

    Raises ValueError and TypeError for an invalid tag.

    Args:
        tag: One of the tags in `config["cache"]["tags"]`, or of `cached`.
        mode: With "stale", the old answer is served while a new one is computed.
    """
    cache = _cache()
    return begin(cache, names_of_tag(tag), _checked(mode), _current_response())


def revalidate_value(name_of: Callable[[Cache], str], mode: Mode) -> Awaitable[None]:
    """Do what `revalidate_path` does, for a function's value, whose name `name_of` returns."""
    cache = _cache()
    return begin(cache, (name_of(cache),), _checked(mode), _current_response())


def revalidation_of(cache: Callable[[], Cache]) -> Begin:
    """Return `Response.revalidate` of an App, whose cache is asked for at each call."""

    def begin_for(response: Response, path: str, kind: Kind | None, mode: Mode) -> Awaitable[None]:
        own = cache()
        return begin(own, names_to_revalidate(own, path, kind), _checked(mode), response)

    return begin_for


def _cache() -> Cache:
    cache = current_cache()
    if cache is None:
        raise RuntimeError(
            "there is no App yet whose cache could be revalidated: make it first, by "
            "`App('path/to/project')`, or run `apiroutes cache revalidate`"
        )
    return cache


def _current_response() -> Response | None:
    """Return the response of the current request, unless it has ended or passed its deadline."""
    work = current_work.get(None)
    return None if work is None or work.is_over or work.is_late else work.response


# -- what is revalidated -----------------------------------------------------------------------


def names_to_revalidate(cache: Cache, path: str, kind: Kind | None = None) -> tuple[str, ...]:
    """Return the names of a path, or of a route's pattern. Raises ValueError and TypeError."""
    if not isinstance(path, str):
        raise TypeError(f"a path must be a str such as '/api/posts/1', not {shown(path)}")
    if kind is not None and kind not in get_args(Kind):
        raise ValueError(f"`type` must be 'page' or 'layout', not {shown(kind)}")
    segments = parse_path(path)
    _check_base(cache.base_path, path, segments)
    if not {"[", "]"}.isdisjoint(path):
        return tuple(_names_of_pattern(cache, segments, kind))
    if segments[-1:] == ["$"]:  # TanStack's splat, whose pattern could be a path as well
        return (_name(segments, kind), *_names_of_routes(cache, segments, kind))
    return (_name(segments, kind),)


def _name(segments: Sequence[str], kind: Kind | None) -> str:
    return below_name(segments) if kind == "layout" else path_name(segments)


def _check_base(base_path: str, path: str, segments: Sequence[str]) -> None:
    base = parse_path(base_path) if base_path else []
    if any(own != above for own, above in zip(segments, base)):
        raise ValueError(
            f"{path!r} is outside `base_path`: paths begin with it, so write {base_path + path!r}"
        )


def _names_of_pattern(cache: Cache, segments: Sequence[str], kind: Kind | None) -> Iterable[str]:
    names = _names_of_routes(cache, segments, kind)
    if not names:
        wanted = "/" + "/".join(segments)
        patterns = [text for route in cache.routes.walk() if "[" in (text := str(route.pattern))]
        what = "or begins with it" if kind == "layout" else "as its pattern"
        remedy = suggest(wanted, patterns) if patterns else "No route has a parameter."
        raise ValueError(
            f"no route has {wanted!r} {what}. {remedy} A path with brackets of its own is written "
            "with '%5B' and '%5D'."
        )
    return names


def _names_of_routes(cache: Cache, segments: Sequence[str], kind: Kind | None) -> list[str]:
    """Return the names of the route with a pattern, or of all routes at and below it."""
    end = len(segments) if kind == "layout" else None
    patterns = (route.pattern for route in cache.routes.walk())
    return [
        route_name(str(pattern))
        for pattern in patterns
        if [str(segment) for segment in pattern.segments[:end]] == [*segments]
    ]


def names_of_tag(tag: str) -> tuple[str, ...]:
    """Return the names of a tag. Raises ValueError, and TypeError for another type."""
    reason = why_not_tag(tag)
    if reason is not None:
        error = ValueError if isinstance(tag, str) else TypeError
        raise error(f"a tag is a str of 1 to 256 visible characters: {reason}")
    return (tag_name(tag),)


def _checked(mode: Mode) -> Mode:
    if mode not in get_args(Mode):
        raise ValueError(f"`mode` must be 'expire' or 'stale', not {shown(mode)}")
    return mode


# -- how it is done ----------------------------------------------------------------------------


class Revalidation:
    """A revalidation that has begun. It may be awaited, but need not be.

    With a response, it is repeated when the response departs.
    """

    def __init__(self, cache: Cache, names: Sequence[str], mode: Mode, response: Response | None) -> None:

        self._cache = cache
        self._names = names
        self._mode = mode
        self._response = response
        self._begun = native_threads.native_lock()
        self._lock = native_threads.native_lock()
        self._waiting: (
            list[Callable[[], object]] | None
        ) = []  # what wakes the waiting callers, until it is done
        self._error: BaseException | None = None
        self._is_told = False  # whether a caller has got its error

    def perform(self) -> None:
        """Do it in this thread, unless another thread has begun; nothing is raised."""
        if not self._begun.acquire(blocking=False):
            return
        response, self._response = self._response, None
        try:
            for name in self._names:
                revalidate_now(self._cache, name, self._mode)
                if response is not None:
                    repeat_at_departure(response, self._cache, name, self._mode)
        except RevalidationError as error:
            # A new error, whose traceback does not lead here: a cycle would keep `__del__` from being called.
            self._error = RevalidationError(*error.args)
        except BaseException as error:
            self._error = error
        with self._lock:
            wakers, self._waiting = self._waiting or [], None
        for wake in wakers:
            wake()

    def finish(self, response: object = None) -> None:
        """Wait until it is done. Raises its error, unless a caller that awaited it has already got it."""
        self.perform()
        if self._waiting is not None:
            end = native_threads.mailbox()
            self._wake_when_done(lambda: end.put(None))
            end.get()
        if not self._is_told:
            self._tell()

    def __await__(self) -> Generator[Any, None, None]:
        if self._waiting is not None:
            import asyncio

            loop, end = asyncio.get_running_loop(), asyncio.Event()
            self._wake_when_done(partial(_set_on, loop, end.set))
            yield from end.wait().__await__()
        self._tell()

    def _wake_when_done(self, wake: Callable[[], object]) -> None:
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(wake)
                return
        wake()

    def _tell(self) -> None:
        self._is_told = True
        if self._error is not None:
            raise self._error

    def __del__(self) -> None:
        if self._error is not None and not self._is_told:
            # Record: A store did not accept a revalidation that a coroutine began but did not await.
            _log.error("A revalidation that nobody waited for failed: %s", self._error)


def _set_on(loop: Any, function: Callable[[], object]) -> None:
    """Call a function on an event loop, if that still runs."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function)


def begin(cache: Cache, names: Sequence[str], mode: Mode, response: Response | None) -> Revalidation:
    """Do a revalidation, or begin it on an event loop; then the response waits for it. Raises its error."""
    revalidation = Revalidation(cache, names, mode, response)
    if not waiting.is_on_loop():
        revalidation.finish()
        return revalidation
    if response is not None:
        response._call_at_departure(revalidation, revalidation.finish)
    _in_thread(revalidation.perform)
    return revalidation


def _in_thread(function: Callable[[], None]) -> None:
    """Call a function that does not raise in a thread of the event loop, or here if it has none left."""
    import asyncio

    try:
        asyncio.get_running_loop().run_in_executor(None, function)
    except RuntimeError:  # the loop or the process is about to end
        function()


def repeat_at_departure(response: Response, cache: Cache, name: str, mode: Mode) -> None:
    """Revalidate a name once more before the head of a response leaves, if it has not left."""
    response._call_at_departure((name, mode), partial(_repeat, cache, name, mode))


def _repeat(cache: Cache, name: str, mode: Mode, response: Response) -> None:
    revalidate_now(cache, name, mode)


def revalidate_now(cache: Cache, name: str, mode: Mode) -> None:
    """Revalidate a name. Raises RevalidationError if the store does not accept it."""
    try:
        cache.store.bump(name, mode)
    except StoreError as error:
        raise RevalidationError(
            f"the store of the response cache did not accept the revalidation of {name}: "
            f"{str(error).rstrip('.')}. "
            "Old answers may still be served"
        ) from error
