"""The ends of generators: after a handler they resume, or get its exception, the last one first.

In: generators in the order in which they were entered, and an exception. Out: all generators are ended.
Raises the HTTP error into which a generator has turned a fault; any other exception of a generator is logged,
and changes no response.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import Any, NoReturn

from werkzeug.exceptions import HTTPException

from apiroutes.errors import ApiError, MaxDurationExceeded
from apiroutes.logs import log_fault, route_of

__all__ = [
    "END",
    "ClientLeft",
    "Generators",
    "did_not_yield",
    "is_new",
    "leave",
    "log_second",
    "refuse_second",
    "stands_for",
    "unwind",
    "yielded_twice",
]

# What `next` returns for a generator that has ended.
END: Any = object()

Generators = Sequence[Generator[Any, None, None]]


class ClientLeft(BaseException):
    """Ends the wait for a stream whose client has left; generators are closed then."""


def did_not_yield(place: str) -> NoReturn:
    """Raise the error about a generator that has ended before its first `yield`."""
    raise RuntimeError(f"the dependency {place} ended without a value: it has to `yield` one")


def yielded_twice(generator: Any, place: str) -> NoReturn:
    """Close a generator that has yielded a second value, and raise the error about it."""
    with contextlib.suppress(BaseException):
        generator.close()
    refuse_second(place)


def refuse_second(place: str) -> NoReturn:
    """Raise the error about a generator that yields a second value."""
    raise RuntimeError(f"the dependency {place} yielded twice: it must yield one value, and end after that")


def unwind(generators: Generators, error: BaseException, request: Any) -> None:
    """Throw an exception into generators, the last first.

    A generator that swallows the exception changes nothing. A second exception is logged, unless it replaces
    the first: then it is thrown into the others, and raised at the end. Every generator is ended.
    """
    first = error
    for generator in reversed(generators):
        traceback = error.__traceback__
        second: BaseException | None = None
        try:
            generator.throw(error)
        except StopIteration:
            pass
        except BaseException as raised:
            second = raised
        else:
            _close_quietly(generator, request)
        error.__traceback__ = traceback
        if second is None or not is_new(second, error):
            continue
        if stands_for(second, error):
            error = second
        else:
            log_second(second, request)
    try:
        if error is not first:
            raise error
    finally:
        del error, first  # whose tracebacks lead here: a cycle would wait for the collector


def stands_for(raised: BaseException, error: BaseException) -> bool:
    """Return whether a generator has turned a fault into an HTTP error: `raise ApiError(409) from error`."""
    http_errors = (ApiError, HTTPException)
    is_fault = isinstance(error, Exception) and not isinstance(error, (*http_errors, MaxDurationExceeded))
    return is_fault and isinstance(raised, http_errors) and raised.__cause__ is error


def is_new(raised: BaseException, error: BaseException) -> bool:
    """Return whether a generator raised something other than the exception that was thrown in.

    Python raises RuntimeError for a StopIteration that passes through a generator (PEP 479).
    """
    return raised is not error and not (
        isinstance(raised, RuntimeError)
        and raised.__cause__ is error
        and isinstance(error, (StopIteration, StopAsyncIteration))
    )


def log_second(error: BaseException, request: Any) -> None:
    """Log an exception at a dependency's end that comes after another exception."""
    # Record: The code of a dependency after its `yield` has raised an exception, after another exception.
    log_fault(request, route_of(request), error, "failed to end a dependency")


def _close_quietly(generator: Any, request: Any) -> None:
    try:
        generator.close()
    except BaseException as error:
        log_second(error, request)


def leave(generators: Generators, request: Any) -> None:
    """Close generators whose response is no longer wanted, the last one first."""
    for generator in reversed(generators):
        _close_quietly(generator, request)
