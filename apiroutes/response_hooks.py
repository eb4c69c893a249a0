"""What is called before a response's head leaves, when it leaves, and when the response has ended.

In: functions, from middleware and the framework. Out: their calls, each once, and in an order that fits that
of middleware. Raises what they raise.
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

# Given a stream as the server takes it, returns it with something around each chunk.
Surround = Callable[[Iterable[bytes]], Iterable[bytes]]


class ResponseHooks:
    """The functions that belong to one response; all are rarely set, so class defaults."""

    req: Any
    _in_middleware: bool
    _is_unbuffered: bool
    # Functions to call before the head leaves, each with whether middleware has given it.
    _head_hooks: list[tuple[Callable[..., object], bool]] | None = None
    # Functions to call after those, by key. They outlive every response that is discarded.
    _departure_calls: dict[object, Callable[[Any], object]] | None = None
    # Functions to call when the response has ended, each with what surrounds its chunks, if it is a stream.
    _end_hooks: list[tuple[Callable[[Any], object], Surround | None, Callable[[], object] | None]] | None = (
        None
    )

    def _has_hooks(self) -> bool:
        """Return whether there is anything to call before the head leaves, or at the end."""
        hooks = self._head_hooks, self._end_hooks
        return hooks != (None, None) or bool(self._departure_calls)

    def _run_head_hooks(self, is_written: bool = False) -> None:
        """Call the functions of `before_head`, each once, then those of `_call_at_departure`.

        When one of `before_head` fails the others are called before the head of the error. `is_written`:
        whether `write` sends the head. On a server's loop, where it cannot wait, its connection does.
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
        """Have `function` called once with the response right before its head leaves, whatever becomes of it.

        Dependencies, middleware and what `before_head` was given have ended by then. It may wait, unless it
        is marked by `at_once`, and takes the place of an earlier function with the same key. Once the head
        has left it is not called.
        """
        if self._departure_calls is None:
            self._departure_calls = {}
        self._departure_calls[key] = function
        self._is_unbuffered = True

    def _has_departure_that_waits(self) -> bool:
        """Return whether a function that is called when the head leaves may hold an event loop."""
        return any(not _is_at_once(call) for call in list((self._departure_calls or {}).values()))

    def _depart(self, at_once: bool = False) -> None:
        """Call the functions of `_call_at_departure`, also those that they add. Raises the first error.

        Then the response that was given does not stand, as one may after other errors. With `at_once`, only
        those that are marked so are called.
        """
        calls, first = self._departure_calls or {}, None
        while keys := [key for key, call in list(calls.items()) if _is_at_once(call) or not at_once]:
            for key in keys:  # to which other threads may add
                try:
                    calls.pop(key)(self)
                except Exception as error:
                    first = first or error
        if first is not None:
            self._withdraw()
            try:
                raise first
            finally:
                del first  # whose traceback leads here: a cycle would wait for the collector

    def _depart_or_abort(self) -> None:
        """Call them where it is too late for another response. Raises ResponseAborted."""
        try:
            self._depart()
        except Exception as error:
            # Record: What has to be done before the head leaves, such as keeping a session, has failed, and
            # no other response can be sent.
            log_fault(self.req, route_of(self.req), error, "failed before its response began")
            raise ResponseAborted(errno.ECONNRESET, "the response was not begun") from None

    def _call_at_end(
        self,
        function: Callable[[Any], object],
        surround: Surround | None = None,
        resume: Callable[[], object] | None = None,
    ) -> None:
        """Have `function` called once with the response as it was sent, when it has ended, whole or not.

        A response that is more than content in memory is first given to `surround`, as the server takes it.
        `resume` is called at the end, before the functions of all that came later.
        """
        self._end_hooks = [*(self._end_hooks or ()), (function, surround, resume)]
        self._is_unbuffered = True

    def _end_with(self, outer: ResponseHooks) -> None:
        """Take over what the response that is sent in the end is given for its end, or its departure.

        Both share the latter, as either may be given more while the handler runs.
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
        """Let a response that was given not stand when the exception comes that is raised next."""
        raise NotImplementedError


def at_once(function: Function) -> Function:
    """Mark a function for `_call_at_departure` that waits for nothing, so that a loop can call it."""
    function.is_at_once = True  # type: ignore[attr-defined]
    return function


def _is_at_once(function: object) -> bool:
    return getattr(function, "is_at_once", False) is True


def call_hook(hook: Callable[..., object], response: ResponseHooks) -> None:
    """Call a function that `before_head` was given, with the response if it has a parameter."""
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
