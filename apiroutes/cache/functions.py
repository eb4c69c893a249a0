"""`@cached`: what a function returns is computed once for everybody, until it is too old or revalidated.

In: a function, or a coroutine function. Out: one that is called in the same way. Raises TypeError and
ValueError at its definition if values cannot be kept, and TypeError at a call for arguments that are not
data.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol, TypeVar, overload

from typing_extensions import ParamSpec

from apiroutes.cache.function_calls import FunctionCalls, Keeping
from apiroutes.cache.revalidation import revalidate_value
from apiroutes.concurrency import is_async
from apiroutes.errors import shown
from apiroutes.handlers import is_too_long, why_not_tag
from apiroutes.places import place_of
from apiroutes.stores import Mode

__all__ = ["CachedFunction", "cached"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_R_co = TypeVar("_R_co", covariant=True)

_YEAR = 31_536_000.0  # in seconds: as for responses


class CachedFunction(Protocol[_P, _R_co]):
    """A function whose values are kept. It is called like the function that it was made from."""

    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...

    @property
    def uncached(self) -> Callable[_P, _R_co]:
        """The function itself, which computes."""

    @property
    def revalidate(self) -> _Revalidate[_P]:
        """Drops the value of one call: `load.revalidate(*args)` with the arguments of that call.

        Once it has returned, nobody gets a value whose computation began before. With `mode="stale"`
        the old value is returned while a new one is computed. It may be awaited, but need not be.
        Raises TypeError for arguments that the function does not take, or that are not data, and
        RevalidationError if the store does not accept it.
        """


class _Revalidate(Protocol[_P]):
    # PEP 612 allows no keyword between the two, so with `mode` the arguments are not checked.
    @overload
    def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> Awaitable[None]: ...

    @overload
    def __call__(self, *args: Any, mode: Mode, **kwargs: Any) -> Awaitable[None]: ...


@overload
def cached(function: Callable[_P, _R], /) -> CachedFunction[_P, _R]: ...


@overload
def cached(
    *, revalidate: float | Literal[False] = False, tags: Sequence[str] = (), stale: float | None = None
) -> Callable[[Callable[_P, _R]], CachedFunction[_P, _R]]: ...


def cached(
    function: Callable[..., Any] | None = None,
    /,
    *,
    revalidate: float | Literal[False] = False,
    tags: Sequence[str] = (),
    stale: float | None = None,
) -> Any:
    """Keep what a function or coroutine function returns, for all workers: `@cached` or `@cached(...)`.

    `load.revalidate(*args)` drops the value of a call, and `load.uncached` is the function itself. Calls with
    different arguments have values of their own. Arguments and values are data: strings, numbers, dates,
    lists, dicts, dataclasses and so on. If MessagePack cannot distinguish the type of a value, such as a
    tuple from a list, write it in the return annotation. Exceptions are not kept. In draft mode, without an
    App and with `cache = "none"`, the function simply runs.

    Raises TypeError and ValueError for a function whose values cannot be kept, and for a wrong parameter.

    Args:
        function: The function, if `@cached` is written without parentheses.
        revalidate: For how many seconds a value is good; False for as long as it is not revalidated.
        tags: `revalidate_tag` with one of them drops all values.
        stale: For how many more seconds an old value is returned while a new one is computed; None for the
            rest of a year.
    """
    keeping = _keeping(revalidate, tags, stale)
    if function is None:
        return lambda function: _cached(function, keeping)
    return _cached(function, keeping)


def _cached(function: Callable[..., Any], keeping: Keeping) -> Any:
    _check(function)
    if is_async(function):
        # It needs asyncio, which only coroutine functions do.
        from apiroutes.cache.coroutine_calls import CoroutineCalls

        calls: FunctionCalls = CoroutineCalls(function, keeping)
        call: Any = _coroutine_function(function, calls)
    else:
        calls = FunctionCalls(function, keeping)
        call = _plain_function(function, calls)
    call.uncached = function
    call.revalidate = _revalidation(calls)
    return call


def _plain_function(function: Callable[..., Any], calls: FunctionCalls) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        cache = calls.cache()
        if cache is None:
            return function(*args, **kwargs)
        key = calls.key(cache, args, kwargs)
        held = cache.hot.get(key)
        return calls.call(cache, key, args, kwargs) if held is None else held.use()

    return call


def _coroutine_function(function: Callable[..., Any], calls: FunctionCalls) -> Callable[..., Any]:
    @functools.wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        cache = calls.cache()
        if cache is None:
            return await function(*args, **kwargs)
        key = calls.key(cache, args, kwargs)
        held = cache.hot.get_at_once(key)
        return await calls.call(cache, key, args, kwargs) if held is None else held.use()

    return call


def _revalidation(calls: FunctionCalls) -> Callable[..., Any]:
    def revalidate(*args: Any, **kwargs: Any) -> Any:
        # A `mode` parameter of the function itself is the function's.
        mode: Any = "expire" if calls.takes("mode") else kwargs.pop("mode", "expire")
        return revalidate_value(lambda cache: calls.name_of(cache, calls.key(cache, args, kwargs)), mode)

    return revalidate


# -- mistakes in the definition ----------------------------------------------------------------


def _check(function: Any) -> None:
    """Raise TypeError for anything but a function of a module that returns data."""
    if isinstance(function, (staticmethod, classmethod)):
        kind = type(function).__name__
        raise TypeError(f"@cached is above @{kind}: write @staticmethod first, and @cached below it")
    if not inspect.isfunction(function):
        raise TypeError(
            f"@cached takes a function, not {shown(function)}: write `@cached`, or `@cached(revalidate=60)` "
            "with its parameters by name, above a `def`"
        )
    place = place_of(function)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{place} is a generator, whose values cannot be kept: return a list")
    if "<lambda>" in function.__qualname__ or "<locals>" in function.__qualname__:
        raise TypeError(
            f"{place} is a lambda, or a function inside another one, and has no name by which other "
            "processes could find its values: define it at the top of a module"
        )
    first = next(iter(inspect.signature(function, follow_wrapped=False).parameters), "")
    if "." in function.__qualname__ and first in ("self", "cls"):
        raise TypeError(
            f"{place} is a method, and `{first}` is not data: define a function at the top of the module, "
            f"which takes what it needs of `{first}` as arguments"
        )


def _keeping(revalidate: Any, tags: Any, stale: Any) -> Keeping:
    fresh = math.inf if revalidate is False else _seconds("revalidate", revalidate)
    if fresh == 0:
        raise ValueError(
            "`revalidate` of @cached is 0, so nothing would be kept: leave @cached out, or give it a "
            "number of seconds above 0, or False for values that stay until they are revalidated"
        )
    if stale is None:
        stale = max(0.0, _YEAR - fresh)
    return Keeping(fresh, _seconds("stale", stale), _checked_tags(tags))


def _seconds(name: str, value: Any) -> float:
    allowed = "a number of seconds" + (", or False" if name == "revalidate" else "")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"`{name}` of @cached must be {allowed}, not {shown(value)}")
    if not 0 <= value < math.inf:
        raise ValueError(
            f"`{name}` of @cached must be {allowed}, not negative and finite, not {shown(value)}"
        )
    if is_too_long(value):
        remedy = "give False for values that stay until they are revalidated"
        remedy = remedy if name == "revalidate" else "give less"
        raise ValueError(f"`{name}` of @cached is {shown(value)}, more than ten years: {remedy}")
    return float(value)


def _checked_tags(tags: Any) -> tuple[str, ...]:
    if isinstance(tags, str) or not isinstance(tags, (list, tuple, set, frozenset)):
        raise TypeError(
            f'`tags` of @cached must be a list of strings, not {shown(tags)}: write `tags=["posts"]`'
        )
    for tag in tags:
        reason = why_not_tag(tag)
        if reason is not None:
            error = ValueError if isinstance(tag, str) else TypeError
            raise error(
                f"`tags` of @cached has an invalid tag: {reason}. A tag has 1 to 256 visible characters"
            )
    return tuple(dict.fromkeys(tags))
