"""Hints about what handlers return, and about coroutines.

In: the facts of a failure. Out: what to write, or None where the mistake is not this one for certain.
"""

from __future__ import annotations

import ast
import dataclasses
import datetime
import decimal
import enum
import inspect
import re
import uuid
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from werkzeug.datastructures import FileStorage

from apiroutes.development.functions import function_at, returned
from apiroutes.development.hint_facts import UNKNOWN, Facts
from apiroutes.development.hint_texts import bare
from apiroutes.development.nextjs_hints import HOW_TO_RESPOND
from apiroutes.development.sources import source_of
from apiroutes.errors import JSONTypeError
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = [
    "forgotten_return",
    "missing_await",
    "plain_loop",
    "returned_callable",
    "returned_coroutine",
    "returned_tuple",
    "stream_of_values",
    "unwritable_by_json_dumps",
    "unwritable_value",
]

_COROUTINE = re.compile(r"\bcoroutine\b")


# -- coroutines -----------------------------------------------------------------------------------


def missing_await(facts: Facts) -> str | None:
    """`find()["name"]`, `find().name`, `find() + 1`, where `find` is an `async def`."""
    if not facts.is_innermost or not facts.expressions:
        return None
    owner = getattr(facts.error, "obj", None)
    name = getattr(facts.error, "name", None)
    if isinstance(facts.error, AttributeError):
        if not inspect.iscoroutine(owner) or not isinstance(name, str):
            return None
    elif not _COROUTINE.search(str(facts.error)):
        return None
    awaited = _not_awaited(facts, owner)
    return None if awaited is None else _how_to_await(facts, awaited)


def _not_awaited(facts: Facts, owner: object) -> str | None:
    """Return the call whose coroutine was not awaited."""
    for node in (node for expression in facts.expressions for node in _outside_await(expression)):
        if isinstance(node, ast.Call) and inspect.iscoroutinefunction(facts.value(node.func)):
            return bare(node)
        if isinstance(node, ast.Name):
            value = facts.value(node)
            if inspect.iscoroutine(value):
                return f"{value.__name__}(...)"
    return f"{owner.__name__}(...)" if inspect.iscoroutine(owner) else None


def _outside_await(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the node and the nodes in it, except awaited ones."""
    if isinstance(node, ast.Await):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _outside_await(child)


def _how_to_await(facts: Facts, call: str) -> str:
    hint = f"`{call}` is a coroutine until it is awaited. Write `await {call}`"
    if facts.takes_awaits or facts.step is None:
        return hint + "."
    return f"{hint}, in an `async def {facts.step.code.co_name}`."


def plain_loop(facts: Facts) -> str | None:
    """`for item in items()` and `list(items())`, where `items` is an async generator."""
    if not facts.is_innermost or "'async_generator' object is not iterable" not in str(facts.error):
        return None
    for node in (node for expression in facts.expressions for node in _outside_await(expression)):
        if not isinstance(node, (ast.Call, ast.Name)):
            continue
        value = facts.value(node.func if isinstance(node, ast.Call) else node)
        if inspect.isasyncgenfunction(value) or inspect.isasyncgen(value):
            text = bare(node)
            hint = f"`{text}` is an async generator. Write `async for item in {text}`"
            if facts.takes_awaits or facts.step is None:
                return hint + "."
            return f"{hint}, in an `async def {facts.step.code.co_name}`."
    return None


def returned_coroutine(facts: Facts) -> str | None:
    """A coroutine among the values that a handler returned or sent."""
    value = _unwritable(facts)
    if not inspect.iscoroutine(value):
        return None
    call = f"{value.__name__}(...)"
    handler = facts.route.handler or "the handler"
    hint = f"`{call}` was not awaited. Write `await {call}`"
    return f"{hint}." if facts.route.is_async else f"{hint}, in an `async def {handler}`."


# -- values that cannot be sent ---------------------------------------------------------------------


def _unwritable(facts: Facts) -> Any:
    """Return the value that JSON could not hold; UNKNOWN if that is not what failed."""
    frame = facts.frame_of("http/json.py", "_refuse", "_as_plain") if facts.is_frameworks else None
    return UNKNOWN if frame is None else frame.get("value", UNKNOWN)


def unwritable_value(facts: Facts) -> str | None:
    """A value that has no form in JSON."""
    value = _unwritable(facts)
    if value is UNKNOWN or inspect.isawaitable(value):
        return None
    if isinstance(facts.error, JSONTypeError) and facts.error.reason.startswith("a key "):
        return None  # the reason says what to write
    return _how_to_write(value)


def _how_to_write(value: object) -> str:
    kind = type(value)
    name = f"`{kind.__name__}`"
    if isinstance(value, FunctionType):
        return f"This is the function itself. Call it: `{value.__name__}()`."
    if isinstance(value, BaseException):
        return f"An exception is raised, not returned. Write `raise {kind.__name__}(...)`."
    if isinstance(value, type):
        return f"This is the class itself. Send an object of it: `{value.__name__}(...)`."
    if isinstance(value, Response) and not isinstance(value.req, Request):
        return f"A handler makes no `Response`. {HOW_TO_RESPOND}"
    if isinstance(value, FileStorage):
        return "An upload has no form in JSON. Send what the client needs, such as its `filename`."
    if isinstance(value, (Request, Response)):
        part = "request" if isinstance(value, Request) else "response"
        return f"This is the {part} itself. Send a value of it. Did a decorator pass it to the handler?"
    if isinstance(value, ModuleType):
        return f"This is the module `{value.__name__}` itself. Send a value of it."
    if hasattr(value, "_sa_instance_state"):
        fields = [column.key for column in getattr(getattr(kind, "__table__", None), "columns", ())][:2]
        example = ", ".join(f'"{field}": it.{field}' for field in fields or ["id"])
        return (
            f"{name} is a row of SQLAlchemy's, which may be large and contain secrets. Send what the client "
            f"needs: `{{{example}}}`, or a Struct or pydantic model made from it."
        )
    if hasattr(kind, "to_dict"):
        return f"{name} is not JSON. Send `it.to_dict()`."
    if hasattr(kind, "__aiter__"):
        return f"{name} is an async iterator. Collect it first: `[item async for item in items]`."
    return f"{name} has no form in JSON. Send a dict of what the client needs, a dataclass or a Struct."


_WRITTEN = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    uuid.UUID,
    decimal.Decimal,
    enum.Enum,
    set,
    frozenset,
)


def unwritable_by_json_dumps(facts: Facts) -> str | None:
    """`json.dumps` of a value that apiroutes could write."""
    frame = facts.frame_of("json/encoder.py", "default")
    if frame is None or facts.steps[-1].code.co_name != "default":
        return None
    value = frame.get("o")
    is_known = isinstance(value, _WRITTEN) or dataclasses.is_dataclass(value) or hasattr(value, "model_dump")
    if not is_known or isinstance(value, type):
        return None
    return (
        f"Python's `json.dumps` cannot write `{type(value).__name__}`, and apiroutes can. Return the value "
        "itself, or `apiroutes.json(value)`."
    )


def returned_tuple(facts: Facts) -> str | None:
    """`return body, 201`, as in Flask."""
    frame = facts.frame_of("results.py", "apply_result")
    result = None if frame is None else frame.get("result")
    if not isinstance(result, tuple) or not facts.is_frameworks:
        return None
    if len(result) == 1:
        return "A comma after the value makes a tuple. Remove it: `return value`."
    if len(result) in (2, 3) and type(result[1]) is int:
        headers = ", headers={...}" if len(result) == 3 else ""
        return f"Write `return json(value, status={result[1]}{headers})`, with `from apiroutes import json`."
    return "Return a list, `return [first, second]`, or a dict. A tuple could also mean content and status."


def forgotten_return(facts: Facts) -> str | None:
    """A handler whose last line makes a value and does not return it."""
    route = facts.route
    if route.file is None or route.line is None:
        return None
    function = function_at(source_of(str(facts.root / route.file)).tree, route.line)
    if function is None or returned(function):
        return None
    last = function.body[-1]
    if isinstance(last, ast.Expr) and _is_meant_as_result(last.value):
        return f"The last line makes a value and does not return it. Write `return {bare(last.value)}`."
    if isinstance(last, ast.Assign) and isinstance(last.targets[0], ast.Name):
        name = last.targets[0].id
        return f"The last line keeps its value in `{name}`. Write `return {name}` below it."
    return None


_RESULTS = ("event_stream", "file", "html", "json", "redirect", "stream", "text")


def _is_meant_as_result(value: ast.expr) -> bool:
    """Return whether an expression has no use but its value; for other calls that is unknown."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id in _RESULTS
    kinds = (
        ast.Dict,
        ast.List,
        ast.Tuple,
        ast.DictComp,
        ast.ListComp,
        ast.Name,
        ast.Subscript,
        ast.JoinedStr,
    )
    return isinstance(value, kinds)


def returned_callable(facts: Facts) -> str | None:
    """`return find`, where a call is missing: what can be called is sent as a WSGI application."""
    frame = facts.frame_of("streams.py", "run") or facts.frame_of("results.py", "apply_result")
    if frame is None or not facts.is_frameworks:
        return None
    called = frame.get("application", frame.get("result"))
    if not isinstance(called, (FunctionType, BuiltinFunctionType, type)):
        return None
    return (
        f"`{called.__name__}` itself was returned, and a callable is taken for a WSGI application. "
        f"Call it: `return {called.__name__}(...)`."
    )


def stream_of_values(facts: Facts) -> str | None:
    """A generator that yields dicts or numbers."""
    frame = facts.frame_of("streams.py", "as_chunk")
    if frame is None or not facts.is_frameworks:
        return None
    chunk = frame.get("chunk")
    if isinstance(chunk, (dict, list)):
        return (
            "A generator is sent piece by piece, as text. For one JSON document collect it, "
            "`return list(items)`. For a line of JSON each, with the module `json`, yield "
            '`json.dumps(item) + "\\n"`.'
        )
    if isinstance(chunk, (int, float)):
        return "A generator is sent piece by piece, as text. Yield `str(item)`, or `return list(items)`."
    return None
