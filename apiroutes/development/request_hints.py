"""Hints about what handlers do with the request and the response.

In: the facts of a failure. Out: what to write, or None where the mistake is not this one for certain.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

from werkzeug.exceptions import HTTPException, abort

from apiroutes.development.hint_facts import Facts
from apiroutes.development.hint_texts import bare, code, key_code, listed, quoted
from apiroutes.errors import ApiError
from apiroutes.request import Request
from apiroutes.response import Response

__all__ = [
    "swapped_arguments",
    "habit_of_another_framework",
    "key_as_attribute",
    "missing_body",
    "missing_header",
    "missing_key",
    "sent_twice",
    "status_as_text",
    "text_as_number",
    "undecodable_body",
    "unparsed_body",
    "werkzeug_error",
]

# What other frameworks call the attributes of a request.
_REQUEST_HABITS = {
    "text": "request.get_data(as_text=True)",
    "formData": "request.form",
    "form_data": "request.form",
    "arrayBuffer": "request.raw_body",
    "get_body": "request.raw_body",
    "query_params": "request.query",
    "searchParams": "request.query",
    "GET": "request.query",
    "POST": "request.form",
    "path_params": "request.params",
    "path_parameters": "request.params",
    "view_args": "request.params",
    "match_info": "request.params",
    "state": "request.context",
    "user": 'request.context["user"]',
    "g": "request.context",
    "ctx": "request.context",
    "locals": "request.context",
    "nextUrl": "request.url`, `request.path` or `request.query",
    "next_url": "request.url`, `request.path` or `request.query",
    "geo": "request.headers.get(name)",
    "socket": "request.remote_addr",
    "connection": "request.remote_addr",
    "client": "request.remote_addr",
    "ip": "request.remote_addr",
    "META": "request.headers",
    "FILES": "request.files",
    "COOKIES": "request.cookies",
    "get_cookie": "request.cookies.get(name)",
    "get_signed_cookie": "request.signed_cookies.get(name)",
    "get_secure_cookie": "request.signed_cookies.get(name)",
    "preview": "request.draft_mode",
    "is_draft": "request.draft_mode",
    "isDraft": "request.draft_mode",
}
_RESPONSE_HABITS = {
    "set": "res.set_header",
    "header": "res.set_header",
    "sendStatus": "res.status(...).end()",
    "send_status": "res.status(...).end()",
    "cookie": "res.set_cookie",
    "cookies": "res.set_cookie",
    "clearCookie": "res.delete_cookie",
    "clear_cookie": "res.delete_cookie",
    "unset_cookie": "res.delete_cookie",
    "set_secure_cookie": "res.set_signed_cookie",
    "jsonify": "res.json",
    "sendFile": "return file(...)",
    "send_file": "return file(...)",
    "writeHead": "res.status(...).set_headers({...})",
    "write_head": "res.status(...).set_headers({...})",
    "statusCode": "res.status(...)",
    "draftMode": "res.set_draft_mode(...)",
    "draft_mode": "res.set_draft_mode(...)",
    "enableDraftMode": "res.set_draft_mode(True)",
    "enable_draft_mode": "res.set_draft_mode(True)",
    "disableDraftMode": "res.set_draft_mode(False)",
    "disable_draft_mode": "res.set_draft_mode(False)",
    "clearDraftMode": "res.clear_preview_data()",
    "clear_draft_mode": "res.clear_preview_data()",
}


def habit_of_another_framework(facts: Facts) -> str | None:
    """`request.query_params`, `res.setHeader`: other frameworks' names."""
    error = facts.error
    owner, name = getattr(error, "obj", None), getattr(error, "name", None)
    if not isinstance(name, str) or not facts.is_innermost:
        return None
    if not isinstance(owner, (Request, Response)):
        return None
    is_request = isinstance(owner, Request)
    kind = Request if is_request else Response
    snake = re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
    if snake != name and not snake.startswith("_") and hasattr(kind, snake):
        return f"Names are spelled as in Python here: write `{'req' if is_request else 'res'}.{snake}`."
    replacement = (_REQUEST_HABITS if is_request else _RESPONSE_HABITS).get(name)
    if replacement is None:
        return None
    filled = ", which middleware fills" if replacement.startswith("request.context") else ""
    return f"The {'request' if is_request else 'response'} has no `{name}`. Write `{replacement}`{filled}."


# -- the body -----------------------------------------------------------------------------------


def missing_body(facts: Facts) -> str | None:
    """The body is None, because the request has none or because nothing parses it."""
    if not facts.is_innermost or facts.part(facts.subject) != "body":
        return None
    if facts.part_value(facts.subject) is not None:
        return None
    subject = code(facts.subject)
    if not facts.route.parses_body:
        return (
            f"{subject} is None because this route's `config` has `bodyParser` off. Read `req.raw_body` or "
            "`req.stream`, or remove the setting."
        )
    if facts.has_content:
        return None
    return (
        f"{subject} is None because this request has no content. Send some, as in `curl --json '{{...}}'`, "
        f"or declare its type, as in `def POST(body: dict)`: a request without a body then gets a 422."
    )


def unparsed_body(facts: Facts) -> str | None:
    """The body is a str or bytes, because its Content-Type does not say that it is JSON."""
    if not facts.is_innermost or facts.part(facts.subject) != "body" or not facts.has_content:
        return None
    value = facts.part_value(facts.subject)
    if not isinstance(value, (str, bytes)) or "json" in facts.media_type:
        return None
    kind = "str" if isinstance(value, str) else "bytes"
    known = facts.media_type
    reason = f"the request's Content-Type is `{known}`" if known else "the request has no Content-Type"
    return (
        f"{code(facts.subject)} is {kind} because {reason}. Send JSON with `Content-Type: application/json`, "
        f"as `curl --json` does."
    )


def undecodable_body(facts: Facts) -> str | None:
    """`req.raw_body.decode()` of bytes that are not in the charset."""
    error = facts.error
    assert isinstance(error, UnicodeDecodeError)
    call = facts.expression(ast.Call, lambda node: isinstance(node.func, ast.Attribute))
    if call is None or not isinstance(call.func, ast.Attribute) or call.func.attr != "decode":
        return None
    owner = call.func.value
    is_body = (
        isinstance(owner, ast.Attribute)
        and owner.attr in ("raw_body", "data", "body")
        and facts.is_request(owner.value)
    ) or facts.part(owner) == "body"
    if not is_body:
        return None
    return (
        f"The client's bytes are not {error.encoding}. Answer that as the client's mistake, "
        '`except UnicodeDecodeError: raise ApiError(400, "Invalid body")`, or use `req.body`, which decodes '
        "text "
        "by the charset of its Content-Type."
    )


# -- keys ---------------------------------------------------------------------------------------


def missing_key(facts: Facts) -> str | None:
    """`req.query["page"]` of a request that has no such value."""
    node = facts.expression(ast.Subscript)
    if not facts.is_innermost or node is None or not facts.error.args:
        return None
    part, key, value = facts.part(node.value), facts.error.args[0], facts.part_value(node.value)
    if part is None or not isinstance(key, str) or not isinstance(value, Mapping) or key in value:
        return None
    there = f"It has {listed(map(str, value))}." if value else "It is empty."
    read = f"Read it with `{bare(node.value)}.get({quoted(key)})`"
    if part == "context" and key == "params":
        return _params_of_context(node.value)
    if part == "context":
        return (
            f"No middleware has set {key_code(node.value, key)} for this request. {there} Set it before "
            f"`next()`. {read} where it may be missing."
        )
    if part == "params":
        return f"The path of this route, `{facts.route.pattern}`, has no parameter `{quoted(key)}`. {there}"
    if part == "body" and _is_json_sent_as_form(facts, value):
        return (
            "The client sent JSON as a form, as `curl -d` does. Send it with `Content-Type: "
            "application/json`: `curl --json '{...}'`."
        )
    if part == "query":
        declared = f'or declare it, as in `def GET({key}: str = "")`' if key.isidentifier() else ""
    else:
        declared = (
            "or declare the body's type, as in `def POST(body: Note)`, and a request without the key gets a "
            "422"
        )
    advice = ", ".join(filter(None, (read, declared)))
    return f"The {part} of this request has no `{quoted(key)}`. {there} {advice}."


def _params_of_context(context: ast.expr) -> str:
    return (
        f"{code(context)} is what middleware keeps for a request. The parameters of the path are `params`: "
        "take it as a parameter of the handler, as in `def GET(params)`, or each by its name, "
        "`def GET(id: int)`."
    )


def missing_header(facts: Facts) -> str | None:
    """`req.headers["X-Key"]` and `req.cookies["key"]` of a request that has none, signed ones too."""
    node = facts.expression(ast.Subscript, lambda node: isinstance(node.value, ast.Attribute))
    if node is None or not isinstance(node.value, ast.Attribute) or not facts.is_request(node.value.value):
        return None
    part, key = node.value.attr, facts.value(node.slice)
    kinds = {"headers": "header", "cookies": "cookie", "signed_cookies": "valid signed cookie"}
    # Werkzeug looks up a header by its name in the environ.
    raiser = facts.steps[-1].code.co_filename.replace("\\", "/")
    raised = raiser.endswith(("werkzeug/datastructures/headers.py", "apiroutes/signed_cookies.py"))
    if part not in kinds or not isinstance(key, str) or not (facts.is_innermost or raised):
        return None
    kept = getattr(facts.request, part)
    if key in kept:
        return None
    return (
        f"This request has no {kinds[part]} `{quoted(key)}`. Where it may be missing, read it with "
        f"`{bare(node.value)}.get({quoted(key)})`."
    )


def _is_json_sent_as_form(facts: Facts, body: Mapping[object, object]) -> bool:
    if facts.media_type != "application/x-www-form-urlencoded" or len(body) != 1:
        return False
    return str(next(iter(body))).lstrip().startswith(("{", "["))


def key_as_attribute(facts: Facts) -> str | None:
    """`context.user` of a dict."""
    owner, name = getattr(facts.error, "obj", None), getattr(facts.error, "name", None)
    node = facts.expression(ast.Attribute)
    if not isinstance(owner, dict) or not isinstance(name, str) or node is None or not facts.is_innermost:
        return None
    if name in owner:
        return f"{code(node.value)} is a dict: write {key_code(node.value, name)}."
    part = facts.name_of_part(owner)
    if part is None:
        return None
    if part == "context" and name == "params":
        return _params_of_context(node.value)
    written = key_code(node.value, name)
    return f"{code(node.value)} is a dict: write {written}. It has no such key in this request."


def text_as_number(facts: Facts) -> str | None:
    """`params["id"] + 1`: what a client sends in a path or a query is text."""
    if not facts.is_innermost:
        return None
    operation = facts.expression(ast.BinOp) or facts.expression(ast.Compare)
    if isinstance(operation, ast.BinOp):
        sides = [operation.left, operation.right]
    elif isinstance(operation, ast.Compare) and len(operation.ops) == 1:
        sides = [operation.left, operation.comparators[0]]
    else:
        return None
    texts = [side for side in sides if _is_sent_text(facts, side)]
    others = [side for side in sides if side not in texts]
    if len(texts) != 1 or type(facts.value(others[0])) not in (int, float):
        return None
    kind = type(facts.value(others[0])).__name__
    return (
        f"{code(texts[0])} is text, as the client sent it. Convert it, `{kind}({bare(texts[0])})`, or "
        f"declare its type as a parameter of the handler, as in `def GET(id: {kind})`."
    )


def _is_sent_text(facts: Facts, node: ast.expr) -> bool:
    if not isinstance(node, ast.Subscript) or facts.part(node.value) not in ("params", "query"):
        return False
    sent, key = facts.part_value(node.value), facts.value(node.slice)
    return isinstance(sent, Mapping) and isinstance(key, str) and isinstance(sent.get(key), str)


# -- the response -------------------------------------------------------------------------------


def status_as_text(facts: Facts) -> str | None:
    """`res.status("200")`."""
    call = facts.expression(ast.Call, lambda node: isinstance(node.func, ast.Attribute))
    if (
        call is None
        or not isinstance(call.func, ast.Attribute)
        or call.func.attr != "status"
        or not call.args
    ):
        return None
    status = facts.value(call.args[0])
    if not facts.is_response(call.func.value) or not isinstance(status, str) or not status.isdecimal():
        return None
    return f"A status is a number: write `{bare(call.func)}({int(status)})`."


def sent_twice(facts: Facts) -> str | None:
    """A handler that changes its response after it has sent it."""
    call = facts.expression(ast.Call, lambda node: isinstance(node.func, ast.Attribute))
    if call is None or not isinstance(call.func, ast.Attribute) or not facts.is_response(call.func.value):
        return None
    if call.func.attr in ("json", "send", "end", "redirect", "write"):
        return (
            f"The handler had responded before this {code(call.func)}. End it there, with `return` after the "
            "first response, or put the second into an `else`."
        )
    return (
        f"The handler had responded before this {code(call.func)}. Move this line up: a status, headers and "
        "cookies come before the content."
    )


def swapped_arguments(facts: Facts) -> str | None:
    """`ApiError("Not found", 404)`."""
    call = facts.expression(ast.Call, lambda node: facts.value(node.func) is ApiError)
    if call is None or not call.args or call.keywords:
        return None
    values = [facts.value(argument) for argument in call.args]
    name = bare(call.func)
    if len(values) == 2 and isinstance(values[0], str) and isinstance(values[1], int):
        return f"The status comes first: write `{name}({values[1]}, {quoted(values[0])})`."
    return None


def werkzeug_error(facts: Facts) -> str | None:
    """`HTTPException(status_code=404)` and `abort("Not found")`."""
    call = facts.expression(ast.Call)
    if call is None:
        return None
    called = facts.value(call.func)
    if isinstance(called, type) and issubclass(called, HTTPException) and facts.is_innermost:
        statuses = [word.value for word in call.keywords if word.arg in ("status_code", "status")]
        status = facts.value(statuses[0]) if statuses else None
        if isinstance(status, int):
            return f'Write `raise ApiError({status}, "...")`, with `from apiroutes import ApiError`.'
    if called is abort and call.args:
        text = facts.value(call.args[0])
        if isinstance(text, str) and facts.steps[-1].code.co_name == "__call__":
            return f"The status comes first: write `{bare(call.func)}(404, {quoted(text)})`."
    return None
