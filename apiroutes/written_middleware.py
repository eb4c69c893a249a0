"""The types of middleware, for projects that type-check their own.

In: nothing. Out: types of functions with these arguments, whatever the names of the arguments.
"""

from __future__ import annotations

from typing import Any, Protocol

from apiroutes.request import Request
from apiroutes.response import Response

__all__ = ["Middleware", "Next"]


class Next(Protocol):
    """The type of `next`: a call runs the rest of the chain, and returns when that has answered.

    Async middleware awaits it: `await next()`.
    """

    def __call__(self) -> Any: ...


class Middleware(Protocol):
    """The type of middleware: a function `(req, res, next)`, or a coroutine function.

    It may return a result, as a handler does, instead of calling `next`.
    """

    def __call__(self, req: Request, res: Response, next: Next, /) -> Any: ...
