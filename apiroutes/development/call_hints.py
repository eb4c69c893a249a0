"""Hints about calls: of modules, of the response's methods, and of handlers by decorators.

In: the facts of a failure. Out: what to write, or None where the mistake is not this one for certain.
"""

from __future__ import annotations

import ast
import inspect
from types import MethodType, ModuleType

from apiroutes.development.hint_facts import Facts
from apiroutes.development.hint_texts import bare, code
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = [
    "arguments_of_next",
    "awaited_value",
    "called_module",
    "called_value",
    "decorated_handler",
    "decorator_without_wraps",
    "passed_request",
    "sending_arguments",
]

_OURS = ("json", "html")  # modules of Python's whose names are also results
_SENDING = ("json", "send", "end")
_STATUSES = ("status", "status_code", "code")
_OTHER_PARAMETERS = ("body", "query", "params", "context")


def called_value(facts: Facts) -> str | None:
    """`request.json()`, where `json` is a value."""
    if not facts.is_innermost or "object is not callable" not in str(facts.error):
        return None
    call = facts.expression(ast.Call, lambda node: isinstance(node.func, ast.Attribute))
    if call is None or not isinstance(call.func, ast.Attribute) or not facts.is_request(call.func.value):
        return None
    attribute = call.func.attr
    if not hasattr(Request, attribute) or callable(getattr(Request, attribute)):
        return None
    what = "the parsed body" if attribute in ("json", "body") else "a value"
    more = ", or take `body` as a parameter of the handler" if what == "the parsed body" else ""
    return (
        f"{code(call.func)} is {what}, not a method. Write {code(call.func)}, without parentheses and "
        f"without `await`{more}."
    )


def awaited_value(facts: Facts) -> str | None:
    """`await` of something that is not awaitable."""
    if not facts.is_innermost or "'await' expression" not in str(facts.error):
        return None
    awaited = facts.expression(ast.Await)
    if awaited is None:
        return None
    return f"{code(awaited.value)} returns its value at once. Write it without `await`."


def called_module(facts: Facts) -> str | None:
    """`json({...})` after `import json`, or `datetime(2026, 1, 1)` after `import datetime`."""
    call = facts.expression(ast.Call)
    module = None if call is None else facts.value(call.func)
    if call is None or not isinstance(module, ModuleType) or not facts.is_innermost:
        return None
    name = module.__name__
    if name in _OURS:
        return (
            f"{code(call.func)} is Python's module here. Write `from apiroutes import {name}` in place of "
            f"`import {name}`, or return the value itself."
        )
    own = name.rpartition(".")[2]
    if callable(vars(module).get(own)):
        return (
            f"{code(call.func)} is the module. Write `{bare(call.func)}.{own}(...)`, or import it: "
            f"`from {name} import {own}`."
        )
    return f"{code(call.func)} is the module. Call a function of it."


def arguments_of_next(facts: Facts) -> str | None:
    """`next(req)`, as middleware of other frameworks calls what is inside it."""
    call = facts.expression(ast.Call)
    if call is None or not facts.is_innermost or not (call.args or call.keywords):
        return None
    called = facts.value(call.func)
    if not isinstance(called, MethodType) or not isinstance(called.__self__, Response):
        return None
    if not called.__func__.__module__.startswith("apiroutes."):
        return None
    return f"{code(call.func)} takes nothing. Write `{bare(call.func)}()`; its result is in the response."


def sending_arguments(facts: Facts) -> str | None:
    """`res.json({...}, status=201)`, where the status has a method of its own."""
    call = facts.expression(ast.Call, lambda node: isinstance(node.func, ast.Attribute))
    if call is None or not isinstance(call.func, ast.Attribute) or not facts.is_innermost:
        return None
    method = call.func
    if method.attr not in _SENDING or not facts.is_response(method.value):
        return None
    given = [word.value for word in call.keywords if word.arg in _STATUSES]
    status = given[0] if given else (call.args[1] if len(call.args) > 1 else None)
    if status is None or (not given and type(facts.value(status)) is not int):
        return None
    content = bare(call.args[0]) if call.args else ""
    first = f"{bare(method.value)}.status({bare(status)})"
    return f"The status is set first: write `{first}.{method.attr}({content})`."


# -- decorators -------------------------------------------------------------------------------------


def decorator_without_wraps(facts: Facts) -> str | None:
    """A decorator's `wrapper(*args, **kwargs)` around `def GET(params)`, which hides the parameters."""
    step = facts.step
    if step is None or not facts.is_innermost or not step.code.co_flags & 0x04:  # CO_VARARGS
        return None
    call = facts.expression(ast.Call, lambda node: any(isinstance(part, ast.Starred) for part in node.args))
    if call is None:
        return None
    inner = facts.value(call.func)
    inner_code = getattr(inner, "__code__", None)
    given = step.frame.f_locals.get(
        step.code.co_varnames[step.code.co_argcount + step.code.co_kwonlyargcount]
    )
    if inner_code is None or not isinstance(given, tuple) or len(given) != 2:
        return None
    if not isinstance(given[0], Request) or not isinstance(given[1], Response):
        return None
    if not str(facts.error).startswith(f"{inner.__qualname__}()"):
        return None
    wrapper = step.code.co_name
    return (
        f"The decorator's `{wrapper}` hides the parameters of `{inner.__name__}`, so it is called with "
        f"`(req, res)`. Write `@functools.wraps({bare(call.func)})` above `def {wrapper}`, and it is "
        f"called with what `{inner.__name__}` takes."
    )


def decorated_handler(facts: Facts) -> str | None:
    """A decorator's `inner(req)` that calls a handler with other parameters."""
    step, call = facts.step, facts.expression(ast.Call)
    if step is None or call is None or not facts.is_innermost:
        return None
    inner = facts.value(call.func)
    is_wrapped = isinstance(call.func, ast.Name) and call.func.id in step.code.co_freevars
    if not is_wrapped or not inspect.isfunction(inner) or not _takes_the_request(facts):
        return None
    if not str(facts.error).startswith(f"{inner.__qualname__}()") or step.code.co_flags & inspect.CO_VARARGS:
        return None
    names = ", ".join(inspect.signature(inner).parameters)
    return (
        f"The decorator's `{step.code.co_name}` calls `{inner.__name__}` with {_given(call)}, and it takes "
        f"`({names})`. {_how_to_wrap(step.code.co_name, call.func)}"
    )


def _takes_the_request(facts: Facts) -> bool:
    assert facts.step is not None
    names = facts.step.code.co_varnames[: facts.step.code.co_argcount]
    return any(isinstance(facts.step.frame.f_locals.get(name), (Request, Response)) for name in names)


def _given(call: ast.Call) -> str:
    return f"`({', '.join(map(bare, call.args))})`"


def _how_to_wrap(wrapper: str, function: ast.expr) -> str:
    name = bare(function)
    return (
        f"Write `@functools.wraps({name})` above `def {wrapper}(*args, **kwargs)`, and "
        f"`{name}(*args, **kwargs)`: it is called with what the handler takes."
    )


def passed_request(facts: Facts) -> str | None:
    """`GET(query)` that a decorator calls with the request."""
    if len(facts.own) < 2 or facts.step is None or not facts.is_innermost:
        return None
    caller = facts.own[-2]
    subject = facts.subject
    if not isinstance(subject, ast.Name) or subject.id not in _OTHER_PARAMETERS:
        return None
    names = facts.step.code.co_varnames[: facts.step.code.co_argcount]
    value = facts.value(subject)
    if subject.id not in names or not isinstance(value, (Request, Response)):
        return None
    what = "request" if isinstance(value, Request) else "response"
    handler = facts.step.code.co_name
    return (
        f"{code(subject)} is the {what} here, because `{caller.code.co_name}` calls `{handler}` with it. "
        "In a decorator, write `@functools.wraps(function)` above `def wrapper(*args, **kwargs)`, and "
        "`function(*args, **kwargs)`."
    )
