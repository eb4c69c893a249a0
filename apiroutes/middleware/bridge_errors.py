"""Errors of WSGI middleware, with its name, file and line.

In: the arguments of `from_wsgi`, and the application that they make. Out: that application, or exceptions
that tell what to write.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from apiroutes.errors import shown
from apiroutes.places import location_of, name_of
from apiroutes.types import WSGIApplication

__all__ = ["BridgeError", "make_application"]


class BridgeError(RuntimeError):
    """A fault of WSGI middleware; its message has no subject until `name` adds it."""

    is_named = False

    def name(self, application: object) -> None:
        """Add the name of the middleware to the message, once."""
        if not self.is_named:
            self.args = (f"{_bridged(application)} {self.args[0]}",)
            self.is_named = True


def _bridged(application: object) -> str:
    """Return the call of `from_wsgi` that made an application, with the file and line of its class."""
    location = location_of(application)
    call = f"`from_wsgi({name_of(application)})`"
    return call if location is None else f"{call} ({location})"


def make_application(
    factory: Callable[..., WSGIApplication], inner: WSGIApplication, args: Any, kwargs: Any
) -> WSGIApplication:
    """Return `factory(inner, *args, **kwargs)`. Raises TypeError if that is not a WSGI application."""
    if not callable(factory):
        raise TypeError(
            f"from_wsgi cannot call {shown(factory)}. Pass a class or a function that takes a WSGI "
            "application, as in `from_wsgi(ProxyFix, x_for=1)`"
        )
    if not _fits(factory, inner, *args, **kwargs):
        raise TypeError(
            f"{_bridged(factory)} does not accept these arguments: the application comes first, then the "
            f"further arguments of from_wsgi. It takes {_signature(factory)}"
        )
    application = factory(inner, *args, **kwargs)
    if not callable(application):
        what = "is not an application" if isinstance(factory, type) else f"returned {shown(application)}"
        raise TypeError(f"{_bridged(factory)} {what}: write `def __call__(self, environ, start_response)`")
    if not _fits(application, {}, None):
        kind = " It is written for ASGI." if _fits(application, {}, None, None) else ""
        raise TypeError(
            f"{_bridged(factory)} takes {_signature(application)}, not (environ, start_response).{kind} "
            "Write a function (req, res, next) instead"
        )
    return application


def _fits(function: Any, *args: Any, **kwargs: Any) -> bool:
    """Return whether a function can be called with the arguments, as far as its signature tells."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    except Exception:  # a built-in function
        return True
    return True


def _signature(function: Any) -> str:
    return f"({', '.join(inspect.signature(function).parameters)})"
