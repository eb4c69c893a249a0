"""The functions that are called before a response's head leaves, when it leaves, and at the response's end.

In: functions, from middleware and the framework. Out: their calls, each once, and in an order that matches
the order of middleware. Raises what they raise.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from apiroutes.concurrency import coroutines
from apiroutes.errors import ResponseAborted
from apiroutes.logs import log_fault, route_of

__all__ = ["ResponseHooks", "at_once", "call_hook"]

Function = TypeVar("Function", bound=Callable[..., object])

# Takes a stream for the server, and returns it with a wrapper around each chunk.
Surround = Callable[[Iterable[bytes]], Iterable[bytes]]


class ResponseHooks:
    """The functions that belong to one response; all are rarely set, so they are class defaults."""

    req: Any
    _in_middleware: bool
    _is_unbuffered: bool
    # Functions to call before the head leaves, each with whether middleware has added it.
    _head_hooks: list[tuple[Callable[..., object], bool]] | None = None
    # Functions to call after those, by key. They survive when a response is discarded.
    _departure_calls: dict[object, Callable[[Any], object]] | None = None
    # Functions to call when the response has ended, each with a wrapper for its chunks if it is a stream.
    _end_hooks: list[tuple[Callable[[Any], object], Surround | None, Callable[[], object] | None]] | None = (
        None
    )

    def _has_hooks(self) -> bool:
        """Return whether there is anything to call before the head leaves, or at the end."""
        hooks = self._head_hooks, self._end_hooks
        return hooks != (None, None) or bool(self._departure_calls)

    def _run_head_hooks(self, is_written: bool = False) -> None:
        """Call the functions of `before_head`, each once, then those of `_call_at_departure`.

        If a function of `before_head` fails, the others are called before the head of the error.
        `is_written`: whether `write` sends the head. On a server's loop, where `write` cannot wait, its
        connection calls them.
        """
        was_in_middleware, self._in_middleware = self._in_middleware, True
        try:
            while self._head_hooks:
                hook, _ = self._head_hooks.pop()
                call_hook(hook, self)
        finally:
            self._in_middleware = was_in_middleware
        if self._departure_calls:
            if is_written and coroutines.is_on_server_loop():
                self._depart(at_once=True)
                if self._departure_calls:
                    coroutines.call_before_head(self._depart_or_abort)
            else:
                self._depart()

    def _call_at_departure(self, key: object, function: Callable[[Any], object]) -> None:
        """Call `function` once with the response right before its head leaves, whatever response that is.

        Dependencies, middleware and the functions of `before_head` have ended by then. The function may wait,
        unless it is marked with `at_once`, and replaces an earlier function with the same key. Once the head
        has left, it is not called.
        """
        if self._departure_calls is None:
            self._departure_calls = {}
        self._departure_calls[key] = function
        self._is_unbuffered = True

    def _has_departure_that_waits(self) -> bool:
        """Return whether a function that is called when the head leaves may hold an event loop."""
        return any(not _is_at_once(call) for call in list((self._departure_calls or {}).values()))

    def _depart(self, at_once: bool = False) -> None:
        """Call the functions of `_call_at_departure`, and functions that these add. Raises the first error.

        After such an error, the response is not kept, unlike after other errors. With `at_once`, only
        functions with that mark are called.
        """
        calls, first = self._departure_calls or {}, None
        while keys := [key for key, call in list(calls.items()) if _is_at_once(call) or not at_once]:
            for key in keys:  # other threads may add keys
                try:
                    calls.pop(key)(self)
                except Exception as error:
                    first = first or error
        if first is not None:
            self._withdraw()
            try:
                raise first
            finally:
                del first  # whose traceback leads here: a cycle would wait for the garbage collector

    def _depart_or_abort(self) -> None:
        """Call them when it is too late for another response. Raises ResponseAborted."""
        try:
            self._depart()
        except Exception as error:
            # Record: A task before the head leaves, such as storing a session, has failed, and no other
            # response can be sent.
            log_fault(self.req, route_of(self.req), error, "failed before its response began")
            raise ResponseAborted(errno.ECONNRESET, "the response was not begun") from None

    def _call_at_end(
        self,
        function: Callable[[Any], object],
        surround: Surround | None = None,
        resume: Callable[[], object] | None = None,
    ) -> None:
        """Call `function` once with the response as it was sent, after its end, whether it is whole or not.

        A response that is more than content in memory is first passed to `surround`, as the server gets it.
        `resume` is called at the end, before all functions that were added later.
        """
        self._end_hooks = [*(self._end_hooks or ()), (function, surround, resume)]
        self._is_unbuffered = True

    def _end_with(self, outer: ResponseHooks) -> None:
        """Adopt the functions that another response has for its end or its departure.

        Both responses share the latter, because either may get more while the handler runs.
        """
        if outer._departure_calls is None:
            outer._departure_calls = {}
        self._end_hooks, self._departure_calls = outer._end_hooks, outer._departure_calls
        self._is_unbuffered = self._has_hooks()

    def _run_end_hooks(self) -> None:
        """Call the functions of `_call_at_end`."""
        hooks, self._end_hooks = self._end_hooks, None
        for _, _, resume in hooks or ():
            if resume is not None:
                resume()
        for hook, _, _ in reversed(hooks or ()):
            hook(self)

    def _withdraw(self) -> None:
        """Do not keep a response that was given when the next exception comes."""
        raise NotImplementedError


def at_once(function: Function) -> Function:
    """Mark a function for `_call_at_departure` that never waits, so that a loop can call it."""
    function.is_at_once = True  # type: ignore[attr-defined]
    return function


def _is_at_once(function: object) -> bool:
    return getattr(function, "is_at_once", False) is True


def call_hook(hook: Callable[..., object], response: ResponseHooks) -> None:
    """Call a function of `before_head`, with the response if it has a parameter."""
    result = hook(response) if _has_parameter(hook) else hook()
    if hasattr(result, "__await__"):
        coroutines.run(result)


def _has_parameter(function: Callable[..., object]) -> bool:
    """Return whether a function must be called with an argument."""
    plain = getattr(function, "__func__", function)
    code = getattr(plain, "__code__", None)
    if code is None:
        return True
    given = len(plain.__defaults__ or ()) + (plain is not function)
    return bool(code.co_argcount > given)
