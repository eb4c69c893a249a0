"""Hints about None where a value was expected, by where the None comes from.

In: the facts of a failure. Out: what to write, or None where that is not certain.
"""

from __future__ import annotations

import ast
from types import FunctionType, MethodType

from apiroutes.development.functions import function_of, returned
from apiroutes.development.hint_facts import Facts
from apiroutes.development.hint_texts import bare, code
from apiroutes.development.sources import source_of
from apiroutes.response import Response

__all__ = ["none_where_a_value_was_expected"]

# What the response of other frameworks has, and what to write instead.
_CHANGES = {
    "status": "status(...)",
    "status_code": "status(...)",
    "set_cookie": "set_cookie(...)",
    "delete_cookie": "delete_cookie(...)",
    "set_signed_cookie": "set_signed_cookie(...)",
}
_CHANGING = (list, dict, set, bytearray)
_NEVER_NONE = (
    ast.BinOp,
    ast.Compare,
    ast.Dict,
    ast.DictComp,
    ast.GeneratorExp,
    ast.JoinedStr,
    ast.Lambda,
    ast.List,
    ast.ListComp,
    ast.Set,
    ast.SetComp,
    ast.Tuple,
)


def none_where_a_value_was_expected(facts: Facts) -> str | None:
    """A name or a call that is None, such as a row that was not found, or what `next()` returns."""
    subject = facts.subject
    if not facts.is_innermost or subject is None or "NoneType" not in str(facts.error):
        return None
    if not isinstance(subject, ast.Name):
        return _of_call(facts, subject)
    if facts.value(subject) is not None or facts.part(subject) is not None:
        return None
    origins = [origin for origin in facts.origins(subject) if not _is_a_value(origin)]
    if not origins:
        return _of_parameter(facts, subject)
    hints = {_of_origin(facts, subject, origin) for origin in origins}
    if len(hints) == 1:
        return hints.pop()
    lines = sorted({origin.lineno for origin in origins})
    listed = " or ".join(f"line {line}" for line in lines)
    return f"{code(subject)} is None here. It comes from {listed}." if len(lines) > 1 else None


def _is_a_value(node: ast.expr) -> bool:
    return isinstance(node, _NEVER_NONE) or (isinstance(node, ast.Constant) and node.value is not None)


def _of_origin(facts: Facts, subject: ast.Name, origin: ast.expr) -> str | None:
    if isinstance(origin, ast.Constant):
        return f"{code(subject)} is None here: line {origin.lineno} sets it, and no other line that ran does."
    return _of_call(facts, origin, subject) or _missing_thing(subject)


def _missing_thing(subject: ast.Name) -> str:
    return (
        f"{code(subject)} is None here. If None means that there is no such thing, respond before this "
        f'line: `if {subject.id} is None: raise ApiError(404, "Not found")`.'
    )


def _of_parameter(facts: Facts, subject: ast.Name) -> str | None:
    """A parameter whose default is None; of other names nothing is known."""
    assert facts.step is not None
    names = facts.step.code.co_varnames[: facts.step.code.co_argcount + facts.step.code.co_kwonlyargcount]
    if subject.id not in names or facts.function is None:
        return None
    if facts.is_in_handler():
        return (
            f"{code(subject)} is None because this request does not have it. Give the parameter a default "
            f"that fits, or check it first: `if {subject.id} is None: ...`."
        )
    function = facts.function.name
    return (
        f"{code(subject)} is None because `{function}` was called with None. Check it first, or correct the "
        "call."
    )


# -- calls ----------------------------------------------------------------------------------------


def _of_call(facts: Facts, node: ast.expr, subject: ast.Name | None = None) -> str | None:
    """Return the hint for the result of a call; `subject` is the name that keeps it."""
    call = node.value if isinstance(node, ast.Await) else node
    if not isinstance(call, ast.Call):
        return None
    function = facts.value(call.func)
    if isinstance(function, MethodType) and _is_next(function):
        return _of_next(facts, call)
    if isinstance(call.func, ast.Attribute):
        owner = call.func.value
        if facts.is_response(owner):
            return _of_response(facts, call.func, call)
        if facts.is_request(owner) and call.func.attr == "get_json":
            return _of_json(facts, call, subject)
        value = facts.value(owner)
        if isinstance(value, _CHANGING) and getattr(type(value), call.func.attr, None) is not None:
            if call.func.attr in ("get", "pop"):
                return None
            return f"{code(call)} changes {code(owner)} and returns None. Continue with {code(owner)} itself."
    if isinstance(function, FunctionType):
        return _of_function(facts, call, function, subject)
    return None


def _is_next(function: MethodType) -> bool:
    """Return whether a function is the `next` of middleware, which is bound to the response."""
    owner = function.__self__
    return isinstance(owner, Response) and not hasattr(Response, function.__func__.__name__)


def _of_next(facts: Facts, call: ast.Call) -> str:
    assert facts.step is not None
    local = facts.step.frame.f_locals
    response = next((name for name, value in local.items() if isinstance(value, Response)), "res")
    failed = facts.expression(ast.Attribute)
    change = _CHANGES.get("" if failed is None else failed.attr, "set_header(...)")
    return f"{code(call)} returns nothing: use `{response}.{change}`, which may follow it."


def _of_response(facts: Facts, method: ast.Attribute, call: ast.Call) -> str | None:
    """`res.json({...}).status(201)`: what sends comes last."""
    then = getattr(facts.error, "name", None)
    if not isinstance(then, str) or not hasattr(Response, then):
        return f"{code(method)} sends the response and returns nothing."
    owner = bare(method.value)
    return (
        f"{code(method)} sends the response and returns nothing, so it comes last: write "
        f"`{owner}.{then}(...).{method.attr}(...)`."
    )


def _of_json(facts: Facts, call: ast.Call, subject: ast.Name | None) -> str:
    silent = any(word.arg == "silent" for word in call.keywords)
    reason = "the body is not JSON, or is JSON's `null`" if silent else "the body is JSON's `null`"
    return (
        f"{code(subject or call)} is None because {reason}. Declare the body's type, as in "
        "`def POST(body: dict)`, and such a request gets a 422."
    )


def _of_function(
    facts: Facts, call: ast.Call, function: FunctionType, subject: ast.Name | None
) -> str | None:
    source = source_of(function.__code__.co_filename)
    written = None if source.differs_from(function.__code__) else function_of(source.tree, function.__code__)
    if (
        written is not None
        and not returned(written)
        and function.__code__.co_filename.startswith(str(facts.root))
    ):
        return f"{code(call)} returned None: `{function.__name__}` has no `return` with a value."
    if subject is not None:
        return None
    return (
        f"{code(call)} returned None. Does it `return` its value? If None is a valid result, keep it in a "
        "variable and check it first."
    )
