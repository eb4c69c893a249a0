"""Hints about what Next.js's handlers do with responses, cookies and events.

In: the facts of a failure. Out: what to write, or None where the mistake is not this one for certain.
"""

from __future__ import annotations

import ast
import inspect

from apiroutes.development.hint_facts import Facts
from apiroutes.development.hint_texts import bare, code
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = [
    "HOW_TO_RESPOND",
    "event_of_node",
    "option_of_cookie",
    "params_of_context",
    "response_class",
    "value_of_cookie",
]

HOW_TO_RESPOND = (
    "Return the value itself, or `json(value, status=201)`, `text(...)`, `html(...)` or `redirect(url)`, "
    "with `from apiroutes import json`."
)
_SETTING = ("set_cookie", "set_signed_cookie", "delete_cookie")
_ON_REQUEST = (
    "The content is in `request.raw_body` and `request.stream`. A client that leaves closes the generator "
    "that the handler returned: clean up in its `finally`."
)
_ON_RESPONSE = (
    "What follows the response is written into `after(function)`, with `from apiroutes import after`."
)
_HEAD = "The head leaves with the first content: return a generator, or `stream(...)` of apiroutes."
# What Node.js's requests and responses have and these do not, and what to do instead.
_EVENTS = dict.fromkeys(("on", "once", "addListener"), (_ON_REQUEST, _ON_RESPONSE)) | {
    "signal": (_ON_REQUEST, ""),
    "flush_headers": ("", _HEAD),
    "flushHeaders": ("", _HEAD),
}


def response_class(facts: Facts) -> str | None:
    """`Response.json({...})` and `Response("text", status=201)`, as in route handlers of Next.js."""
    call = facts.expression(ast.Call)
    if call is None:
        return None
    is_made = facts.value(call.func) is Response
    is_static = isinstance(call.func, ast.Attribute) and facts.value(call.func.value) is Response
    if not (is_made or is_static) or (call.args and facts.is_response(call.args[0])):
        return None
    return f"{code(call.func)} is not for handlers: `Response` is the class of `res`. {HOW_TO_RESPOND}"


def value_of_cookie(facts: Facts) -> str | None:
    """`request.cookies.get("theme").value`, where the cookie is its value."""
    if not facts.is_innermost or getattr(facts.error, "name", None) != "value":
        return None
    subject = facts.subject
    origins = facts.origins(subject) if isinstance(subject, ast.Name) else []
    read = origins[0] if len(origins) == 1 else subject
    owner: ast.expr | None = None
    if isinstance(read, ast.Call) and isinstance(read.func, ast.Attribute) and read.func.attr == "get":
        owner = read.func.value
    elif isinstance(read, ast.Subscript):
        owner = read.value
    if not isinstance(owner, ast.Attribute) or owner.attr not in ("cookies", "signed_cookies"):
        return None
    if subject is None or read is None or not facts.is_request(owner.value):
        return None
    return f"{code(read)} is the cookie's value itself, or None without the cookie. Leave out `.value`."


def option_of_cookie(facts: Facts) -> str | None:
    """`res.set_cookie(name, value, {"httpOnly": True})`, or `http_only=True`."""
    call = facts.expression(ast.Call, lambda node: isinstance(node.func, ast.Attribute))
    if call is None or not isinstance(call.func, ast.Attribute) or call.func.attr not in _SETTING:
        return None
    if not facts.is_innermost or not facts.is_response(call.func.value):
        return None
    known = list(inspect.signature(getattr(Response, call.func.attr)).parameters)[1:]
    plain = {name.replace("_", ""): name for name in known}
    options = [(word.arg or "", word.value) for word in call.keywords]
    in_dict = next((argument for argument in call.args[1:] if isinstance(argument, ast.Dict)), None)
    if in_dict is not None:
        keys = [facts.value(key) if key is not None else None for key in in_dict.keys]
        options += [(key, value) for key, value in zip(keys, in_dict.values) if isinstance(key, str)]
    wrong = [(name, value) for name, value in options if in_dict is not None or name not in known]
    right = [(plain.get(name.replace("_", "").lower()), value) for name, value in wrong]
    if not right or any(name is None for name, _ in right):
        return None
    written = ", ".join(f"{name}={bare(value)}" for name, value in right)
    return (
        f"Options of cookies are keywords, spelled as in Python: write `{bare(call.func)}(..., {written})`."
    )


def event_of_node(facts: Facts) -> str | None:
    """`request.on("close", ...)` and `res.flush_headers()`."""
    owner, name = getattr(facts.error, "obj", None), getattr(facts.error, "name", None)
    if not facts.is_innermost or not isinstance(owner, (Request, Response)) or name not in _EVENTS:
        return None
    on_request, on_response = _EVENTS[name]
    kind, text = ("response", on_response) if isinstance(owner, Response) else ("request", on_request)
    return f"The {kind} has no `{name}`. {text}" if text else None


def params_of_context(context: ast.expr) -> str:
    """Return the hint for `context.params`, the second argument of a route handler in Next.js."""
    return (
        f"{code(context)} is what middleware keeps for a request. The parameters of the path are `params`: "
        "take it as a parameter of the handler, as in `def GET(params)`, or each by its name, "
        "`def GET(id: int)`."
    )
