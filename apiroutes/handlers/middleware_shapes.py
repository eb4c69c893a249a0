"""What middleware looks like: a function (req, res, next), and what is mistaken for one.

In: values. Out: what they are instead, and what to write.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from apiroutes.errors import shown

__all__ = ["Misfit", "is_shaped_as_middleware", "why_not_middleware"]

# Common names of the three parameters, in their order.
_ROLES = (
    ("req", "request", "rq"),
    ("res", "response", "resp"),
    ("next", "call_next", "next_", "nxt"),
)
_WSGI = ("environ", "start_response")
_ASGI = ("scope", "receive", "send")
_APPLICATION_NAMES = ("app", "application", "wsgi_app", "wsgi", "wsgi_application")


class Misfit(NamedTuple):
    """What a value that is not middleware is, as the object of a sentence; and a hint, if there is one."""

    what: str
    hint: str = ""
    is_whole: bool = False  # whether the hint is the whole remedy

    def remedy(self, usual: str = "Write a function (req, res, next) that calls `next()`.") -> str:
        """Return the hint, followed by the usual remedy unless the hint is whole."""
        return self.hint if self.is_whole else f"{self.hint} {usual}".lstrip()


def why_not_middleware(step: object) -> Misfit | None:
    """Return why a value cannot be called as `step(req, res, next)`; None where it can."""
    if isinstance(step, type):
        return _class(step)
    if not callable(step):
        return _not_callable(step)
    names = _parameters_of(step)
    if names is None:
        return None
    is_taken = _takes(step, 3) and tuple(names) != _ASGI and not _is_out_of_order(names)
    # What makes middleware may take any number of arguments.
    if is_taken and (_is_shaped(names) or not _says_middleware(step)):
        return None
    name = getattr(step, "__qualname__", type(step).__qualname__).partition(".<locals>")[0]
    what = f"`{name}`, which takes ({', '.join(names)})"
    if _makes_middleware(step):
        return Misfit(f"`{name}`, which makes middleware", f"Call it: `{name}(...)`.", True)
    if tuple(names) == _ASGI:
        return Misfit(what, "It is an ASGI application, which cannot be called here.")
    if tuple(names) == _WSGI:
        return _wsgi_application(step, what)
    if len(names) == 1 and names[0] in _APPLICATION_NAMES:
        return Misfit(what, f"Write `from_wsgi({name})`, if it wraps a WSGI application.", True)
    if names == ["get_response"]:
        return Misfit(what, "It is written for Django.")
    if names[:1] == ["self"]:
        owner, _, method = name.rpartition(".")
        return Misfit(what, f"Write `{owner}().{method}`: a method needs its object.", True)
    if _is_out_of_order(names):
        return Misfit(what, "Write the parameters in the order (req, res, next).", True)
    return Misfit(what)


def is_shaped_as_middleware(step: object) -> bool:
    """Return whether a function, or an object that makes no value, has the parameters (req, res, next)."""
    if isinstance(step, type) or hasattr(step, "make_value"):
        return False
    return _is_shaped(_parameters_of(step) or ())


def _makes_middleware(step: object) -> bool:
    """Return whether a function returns middleware: it says so, or has a function (req, res, next) inside."""
    if not inspect.isfunction(step):
        return False
    inner = [constant for constant in step.__code__.co_consts if inspect.iscode(constant)]
    return _says_middleware(step) or any(_is_shaped(code.co_varnames[: code.co_argcount]) for code in inner)


def _says_middleware(step: object) -> bool:
    """Return whether the type that a function returns is middleware, or a class whose objects are."""
    if not inspect.isfunction(step):
        return False
    returned = step.__annotations__.get("return")
    name = returned if isinstance(returned, str) else getattr(returned, "__name__", "")
    name = name.partition("[")[0].rpartition(".")[2]
    return name == "Middleware" or _is_called_so(step.__globals__.get(name))


def _is_called_so(kind: object) -> bool:
    names = _parameters_of(kind.__call__) if isinstance(kind, type) else None
    return names is not None and _is_shaped(names[1:])


def _is_shaped(names: Sequence[str]) -> bool:
    return len(names) == 3 and all(name in words for name, words in zip(names, _ROLES))


def _parameters_of(function: Any) -> list[str] | None:
    """Return the names of the parameters; None for a function that does not tell."""
    try:
        # A wrapper is called with its own parameters, whatever it wraps.
        return list(inspect.signature(function, follow_wrapped=False).parameters)
    except Exception:  # a built-in function, or an annotation that only type checkers can evaluate
        return None


def _takes(function: Any, count: int) -> bool:
    """Return whether a function can be called with so many arguments."""
    try:
        inspect.signature(function, follow_wrapped=False).bind(*[None] * count)
    except TypeError:
        return False
    return True


def _is_out_of_order(names: Sequence[str]) -> bool:
    """Return whether the parameters are the three of middleware in another order."""
    roles = [next((role for role, words in enumerate(_ROLES) if name in words), None) for name in names]
    return sorted(map(str, roles)) == ["0", "1", "2"] and roles != [0, 1, 2]


def _wsgi_application(step: object, what: str) -> Misfit:
    kind = type(step)
    if not inspect.isfunction(step) and _wraps_application(kind):
        return Misfit(
            what, f"Write `from_wsgi({kind.__qualname__})`: the rest of the chain is its application.", True
        )
    return Misfit(
        what, "Write `def handler(req, res): return application` to have a WSGI application called.", True
    )


def _wraps_application(kind: type) -> bool:
    """Return whether a class is made with an application."""
    names = [name for name in _parameters_of(kind) or () if not name.startswith("*")]
    return bool(names) and names[0] in _APPLICATION_NAMES


def _class(step: type) -> Misfit:
    """A class would be instantiated for each request, and nothing would run."""
    name = step.__qualname__.rpartition("<locals>.")[2]
    what = f"the class `{name}`"
    call = next((vars(base)["__call__"] for base in step.__mro__ if "__call__" in vars(base)), None)
    names = (_parameters_of(call) or [])[1:] if inspect.isfunction(call) else []
    if tuple(names) == _ASGI:
        return Misfit(what, "It is written for ASGI, and cannot be called here.")
    if tuple(names) == _WSGI or _wraps_application(step):
        return Misfit(what, f"Write `from_wsgi({name})`: it wraps a WSGI application.", True)
    if len(names) == 3:
        return Misfit(what, f"Write `{name}()`: an object can be middleware, its class cannot.", True)
    return Misfit(what)


def _not_callable(step: object) -> Misfit:
    what = f"{shown(step)}, which cannot be called"
    if isinstance(step, str) and step.isidentifier():
        return Misfit(what, f"Write the function itself, `{step}`, without quotation marks.", True)
    if isinstance(step, (list, tuple)):
        return Misfit(what, "Write one list of functions, not a list in a list.", True)
    if inspect.isawaitable(step):
        return Misfit(
            f"a {type(step).__name__}, which cannot be called", "Write the function without `()`.", True
        )
    return Misfit(what)
