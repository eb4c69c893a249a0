"""The types of the middleware that a project writes, for those who check theirs.

In: nothing. Out: types that functions with these arguments have, whatever they call them.
"""

from __future__ import annotations

from typing import Any, Protocol

from apiroutes.request import Request
from apiroutes.response import Response

__all__ = ["Middleware", "Next"]


class Next(Protocol):
    """The type of `next`: a call goes on to what is inside, and returns when that has answered.

    Async middleware awaits it: `await next()`.
    """

    def __call__(self) -> Any: ...


class Middleware(Protocol):
    """The type of middleware: a function `(req, res, next)`, or a coroutine function.

    It may return a result, as a handler does, instead of calling `next`.
    """

    def __call__(self, req: Request, res: Response, next: Next, /) -> Any: ...
