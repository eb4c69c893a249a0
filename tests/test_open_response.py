"""A response is open until its first byte leaves: what middleware reads, changes, drops and replaces."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from apiroutes.errors import ResponseAborted
from tests.support import Answer, call, environ, project

HEAD = """
import contextlib, io, json as jsons
import werkzeug
from apiroutes import ApiError, file, html, json, redirect, stream, text
from werkzeug.exceptions import Conflict, abort
from werkzeug.routing import RequestRedirect
seen = []
async def parts(error=None):
    if error is not None:
        raise error
    yield "a"
    yield "b"
def application(environ, start_response):
    start_response("201 Created", [("Content-Type", "text/csv"), ("X-App", "1"), ("Vary", "Cookie")])
    return [b"a,", b"b"]
class Chunks:
    closed = 0
    def __init__(self, *chunks):
        self.chunks = iter(chunks)
    def __iter__(self):
        return self
    def __next__(self):
        chunk = next(self.chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk
    def close(self):
        seen.append("closed")
"""


def source(steps: list[str], handler: str, kinds: str = "s") -> str:
    """A route with middleware, the outermost first, the handler last, of these kinds in turn.

    "s" is a plain function and "a" an async one.
    """
    kind = itertools.cycle(kinds)
    parts = [HEAD]
    for number, body in enumerate(steps):
        parts.append(function(f"step{number}(req, res, next)", body, next(kind)))
    parts.append(f"middleware = [{', '.join(f'step{number}' for number in range(len(steps)))}]")
    parts.append(function("handler(req, res)", handler, next(kind)))
    return "\n".join(parts)


def function(signature: str, body: str, kind: str) -> str:
    if kind == "a":
        body = re.sub(r"(?<!await )\bnext\(\)", "await next()", body)
    prefix = "async " if kind == "a" else ""
    return f"{prefix}def {signature}:\n" + "".join(f"    {line}\n" for line in body.strip("\n").split("\n"))


def app_with(root: Path, steps: list[str], handler: str, kinds: str = "s", **settings: Any) -> App:
    return App(project(root, {"pages/api/x.py": source(steps, handler, kinds)}), **settings)


@dataclass
class Case:
    """Middleware around a handler, and what the client gets of them."""

    steps: list[str]
    handler: str
    status: int
    body: bytes | None
    headers: dict[str, list[str]] = field(default_factory=dict)
    log: str | None = None  # what is in the log; nothing but that
    request: dict[str, Any] = field(default_factory=dict)


OK = "res.json('ok')"
AB = "res.set_header('X-A', '1')"
FAULT = b"Internal Server Error"

CASES: dict[str, Case] = {
    # -- what is read after next()
    "status, headers and content are read": Case(
        [
            "next(); return {'s': res.status_code, 'b': res.body.decode(), 'h': res.headers['X-H'], "
            "'t': res.headers['content-type']}"
        ],
        "res.status(201).set_header('X-H', 'h').send('x')",
        200,
        b'{"s":201,"b":"x","h":"h","t":"text/plain; charset=utf-8"}',
        {"X-H": []},
    ),
    "a status of 200 is read where none was set": Case(
        ["next(); res.set_header('X-S', res.status_code)"], OK, 200, b'"ok"', {"X-S": ["200"]}
    ),
    "the content of a stream is unknown": Case(
        ["next(); res.set_header('X-B', repr(res.body))"], "return iter('ab')", 200, b"ab", {"X-B": ["None"]}
    ),
    "the content of an application is unknown": Case(
        ["next(); res.set_header('X-B', repr(res.body))"],
        "return application",
        201,
        b"a,b",
        {"X-B": ["None"]},
    ),
    "the content of a file is unknown": Case(
        ["next(); res.set_header('X-B', repr(res.body))"],
        "return io.BytesIO(b'ab')",
        200,
        b"ab",
        {"X-B": ["None"]},
    ),
    "no content is empty": Case(
        ["next(); res.set_header('X-B', repr(res.body))"], "res.status(204).end()", 204, b"", {"X-B": ["b''"]}
    ),
    "headers_sent is false": Case(
        ["next(); res.set_header('X-S', str(res.headers_sent))"], OK, 200, b'"ok"', {"X-S": ["False"]}
    ),
    "an application's status and headers are the response's": Case(
        [
            "next(); res.set_header('X-S', f'{res.status_code} "
            '{res.headers["X-App"]} {res.headers["Content-Type"]}\')'
        ],
        "return application",
        201,
        b"a,b",
        {"X-S": ["201 1 text/csv"], "X-App": ["1"]},
    ),
    # -- what is changed after next()
    "a header is set": Case(["next(); res.set_header('X-A', '1')"], OK, 200, b'"ok"', {"X-A": ["1"]}),
    "a header is replaced": Case(
        ["next(); res.set_header('x-h', 'mine')"],
        "res.set_header('X-H', ['a', 'b']).json('ok')",
        200,
        b'"ok"',
        {"X-H": ["mine"]},
    ),
    "a header is appended": Case(
        ["next(); res.append_header('X-H', 'b')"],
        "res.set_header('X-H', 'a').json('ok')",
        200,
        b'"ok"',
        {"X-H": ["a", "b"]},
    ),
    "a header is removed": Case(
        ["next(); res.remove_header('x-h')"],
        "res.set_header('X-H', ['a', 'b']).json('ok')",
        200,
        b'"ok"',
        {"X-H": []},
    ),
    "several headers are set": Case(
        ["next(); res.set_headers({'X-A': '1', 'X-B': ['2', '3']})"],
        OK,
        200,
        b'"ok"',
        {"X-A": ["1"], "X-B": ["2", "3"]},
    ),
    "a cookie is set": Case(
        ["next(); res.set_cookie('a', '1')"],
        "res.set_cookie('b', '2').json('ok')",
        200,
        b'"ok"',
        {"Set-Cookie": ["b=2; Path=/", "a=1; Path=/"]},
    ),
    "a status is set": Case(["next(); res.status(202)"], "res.status(201).json('ok')", 202, b'"ok"'),
    "a status is assigned": Case(["next(); res.status_code = 202"], OK, 202, b'"ok"'),
    "the type is set": Case(
        ["next(); res.set_header('Content-Type', 'text/x')"], OK, 200, b'"ok"', {"Content-Type": ["text/x"]}
    ),
    "a stream's head is changed": Case(
        ["next(); res.status(202).set_header('X-A', '1')"], "return iter('ab')", 202, b"ab", {"X-A": ["1"]}
    ),
    "an application's head is changed": Case(
        [
            "next(); res.status(202).set_header('X-App', '2')"
            ".remove_header('Content-Type').append_header('Vary', 'Origin')"
        ],
        "return application",
        202,
        b"a,b",
        {"X-App": ["2"], "Content-Type": [], "Vary": ["Cookie, Origin"]},
    ),
    "a 404's head is changed": Case(
        ["next(); res.set_header('X-S', res.status_code)"],
        "return werkzeug.Response('no', 404)",
        404,
        b"no",
        {"X-S": ["404"]},
    ),
    "a status without content has none": Case(
        ["next(); res.status(204)"],
        "res.set_header('ETag', '\"e\"').send('x')",
        204,
        b"",
        {"Content-Type": [], "ETag": ['"e"'], "Content-Length": []},
    ),
    "a stream of a status without content has none": Case(
        ["next(); res.status(304)"],
        "return Chunks(b'a')",
        304,
        b"",
        {"Content-Type": [], "Content-Length": []},
    ),
    "each changes what the one inside has left": Case(
        ["next(); res.append_header('X-A', 'outer')", "next(); res.append_header('X-A', 'inner')"],
        "res.set_header('X-A', 'handler').json('ok')",
        200,
        b'"ok"',
        {"X-A": ["handler", "inner", "outer"]},
    ),
    # -- Vary is a list
    "vary is added to before": Case(
        ["res.set_header('Vary', 'Origin'); next()"],
        "res.set_header('Vary', 'Accept').json('ok')",
        200,
        b'"ok"',
        {"Vary": ["Origin, Accept"]},
    ),
    "vary is added to after": Case(
        ["next(); res.set_header('vary', 'Origin')"],
        "res.set_header('Vary', 'Accept').json('ok')",
        200,
        b'"ok"',
        {"Vary": ["Accept, Origin"]},
    ),
    "vary has each member once": Case(
        ["next(); res.append_header('Vary', ['origin', 'Cookie, ORIGIN'])"],
        "res.set_header('Vary', 'Origin').json('ok')",
        200,
        b'"ok"',
        {"Vary": ["Origin, Cookie"]},
    ),
    "vary takes what an application says": Case(
        ["res.set_header('Vary', 'Origin'); next()"],
        "return application",
        201,
        b"a,b",
        {"Vary": ["Origin, Cookie"]},
    ),
    "vary survives an error": Case(
        ["res.set_header('Vary', 'Origin'); next()"],
        "res.set_header('Vary', 'Accept'); raise ApiError(409, 'no', {'Vary': 'Cookie'})",
        409,
        b"no",
        {"Vary": ["Origin, Cookie"]},
    ),
    "vary survives a replaced answer": Case(
        ["res.set_header('Vary', 'Origin'); next(); return 'x'"],
        "res.set_header('Vary', 'Accept').json('ok')",
        200,
        b"x",
        {"Vary": ["Origin"]},
    ),
    "anything is everything": Case(
        ["next(); res.set_header('Vary', '*')"],
        "res.set_header('Vary', 'Accept').json('ok')",
        200,
        b'"ok"',
        {"Vary": ["*"]},
    ),
    # -- what is returned instead of calling next()
    **{
        f"instead, {value}": Case([f"return {value}"], "raise AssertionError", status, body, headers)
        for value, status, body, headers in [
            ("{'a': 1}", 200, b'{"a":1}', {"Content-Type": ["application/json; charset=utf-8"]}),
            ("'x'", 200, b"x", {"Content-Type": ["text/plain; charset=utf-8"]}),
            ("b'x'", 200, b"x", {"Content-Type": ["application/octet-stream"]}),
            ("[1]", 200, b"[1]", {}),
            ("json({'error': 'no'}, status=401)", 401, b'{"error":"no"}', {}),
            ("json(1, headers={'X-A': '1'})", 200, b"1", {"X-A": ["1"]}),
            ("text('x', 402)", 402, b"x", {}),
            ("html('<p>')", 200, b"<p>", {"Content-Type": ["text/html; charset=utf-8"]}),
            ("redirect('/login', 303)", 303, b"/login", {"Location": ["/login"]}),
            ("iter(['a', b'b'])", 200, b"ab", {}),
            ("stream(['a', 'b'], 202)", 202, b"ab", {}),
            ("io.BytesIO(b'ab')", 200, b"ab", {"Content-Length": ["2"]}),
            ("application", 201, b"a,b", {"Content-Type": ["text/csv"], "X-App": ["1"]}),
            ("werkzeug.Response('x', 202)", 202, b"x", {"Content-Length": ["1"]}),
        ]
    },
    "instead, a status and what is returned": Case(
        ["res.status(401); return {'a': 1}"], "raise AssertionError", 401, b'{"a":1}'
    ),
    "instead, by the response": Case(
        ["res.status(401).json({'a': 1})"], "raise AssertionError", 401, b'{"a":1}'
    ),
    "instead, by what was written": Case(
        ["res.write('a'); res.end('b')"], "raise AssertionError", 200, b"ab"
    ),
    "instead, a status that carries no content": Case(
        ["res.status(204)"], "raise AssertionError", 204, b"", {"Content-Type": []}
    ),
    "instead, nothing": Case(
        ["pass"], "raise AssertionError", 500, FAULT, log="neither responded nor called next"
    ),
    "instead, a status that carries content": Case(
        ["res.status(201)"], "raise AssertionError", 500, FAULT, log="neither responded nor called next"
    ),
    "instead, a tuple": Case(["return {}, 201"], "raise AssertionError", 500, FAULT, log="returned a tuple"),
    "instead, what cannot be written": Case(
        ["return object()"], "raise AssertionError", 500, FAULT, log="TypeError"
    ),
    # -- what is returned after next()
    **{
        f"after, {value}": Case(
            [f"res.set_header('X-Before', '1'); next(); res.set_header('X-After', '1'); return {value}"],
            "res.status(418).set_header('X-H', 'h').set_cookie('h', '1')"
            ".append_header('Cache-Control', 'private').json('ok')",
            status,
            body,
            {
                "X-Before": ["1"],
                "X-After": ["1"],
                "X-H": [],
                "Set-Cookie": [],
                "Cache-Control": [],
                **headers,
            },
        )
        for value, status, body, headers in [
            ("{'a': 1}", 200, b'{"a":1}', {"Content-Type": ["application/json; charset=utf-8"]}),
            ("'x'", 200, b"x", {"Content-Type": ["text/plain; charset=utf-8"]}),
            ("b'x'", 200, b"x", {"Content-Type": ["application/octet-stream"]}),
            ("json({'error': 'no'}, status=401)", 401, b'{"error":"no"}', {}),
            ("json(1, headers={'X-A': '1'})", 200, b"1", {"X-A": ["1"]}),
            ("html('<p>', 202)", 202, b"<p>", {"Content-Type": ["text/html; charset=utf-8"]}),
            ("redirect('/login')", 307, b"/login", {"Location": ["/login"]}),
            ("iter(['a', b'b'])", 200, b"ab", {}),
            ("io.BytesIO(b'ab')", 200, b"ab", {"Content-Length": ["2"]}),
            ("application", 201, b"a,b", {"Content-Type": ["text/csv"], "X-App": ["1"]}),
            ("werkzeug.Response('x', 202)", 202, b"x", {"Content-Length": ["1"]}),
        ]
    },
    "after, in place of a redirect": Case(
        ["next(); return 'x'"], "res.redirect('/y')", 200, b"x", {"Location": []}
    ),
    "after, in place of a stream": Case(
        ["next(); seen.append('after'); return ','.join(seen)"],
        "return Chunks(b'a')",
        200,
        b"after",
        {"Content-Length": ["5"]},
    ),
    "after, in place of an application": Case(
        ["next(); return 'x'"],
        "res.set_header('X-H', 'h'); return application",
        200,
        b"x",
        {"X-App": [], "X-H": [], "Vary": [], "Content-Type": ["text/plain; charset=utf-8"]},
    ),
    "after, in place of a file": Case(
        ["next(); return 'x'"], "return io.BytesIO(b'abc')", 200, b"x", {"Content-Length": ["1"]}
    ),
    "after, a status that the step has set stays": Case(
        ["next(); res.status(418); return {'a': 1}"], "res.status(201).json('ok')", 418, b'{"a":1}'
    ),
    "after, a status set before stays": Case(
        ["res.status(202); next(); return {'a': 1}"], "res.status(201).json('ok')", 202, b'{"a":1}'
    ),
    "after, another answer by the response": Case(
        ["next(); res.json({'s': res.status_code})"],
        "res.status(404).set_header('X-H', 'h').send('x')",
        404,
        b'{"s":404}',
        {"X-H": [], "Content-Type": ["application/json; charset=utf-8"]},
    ),
    "after, another status and answer by the response": Case(
        ["next(); res.status(200).send('y')"], "res.status(404).json('x')", 200, b"y"
    ),
    "after, another answer by end": Case(["next(); res.end('y')"], "res.json('x')", 200, b"y", {"ETag": []}),
    "after, a redirect by the response": Case(
        ["next(); res.redirect(303, '/y')"], "res.status(404).json('x')", 303, b"/y", {"Location": ["/y"]}
    ),
    "after, written": Case(
        ["next(); res.write('y'); res.end('z')"],
        "res.set_header('X-H', 'h').json('x')",
        200,
        b"yz",
        {"X-H": [], "Content-Length": []},
    ),
    "after, what next returns": Case(["return next()"], "res.status(201).json('x')", 201, b'"x"'),
    "after, the response": Case(
        ["next(); return res.set_header('X-A', '1')"], OK, 200, b'"ok"', {"X-A": ["1"]}
    ),
    "after, a tuple": Case(["next(); return {}, 201"], OK, 500, FAULT, log="returned a tuple"),
    "after, what cannot be written": Case(
        ["next(); return object()"],
        "res.set_header('X-H', 'h').json('ok')",
        500,
        FAULT,
        {"X-H": []},
        log="TypeError",
    ),
    # -- headers that any middleware set stay
    "an inner step's headers stay when an outer one replaces": Case(
        [
            "next(); return 'x'",
            "res.set_header('X-A', '1').set_cookie('a', '1'); "
            "next(); res.set_header('X-B', '2').set_cookie('b', '2')",
        ],
        "res.set_header('X-H', 'h').set_cookie('h', '1').json('ok')",
        200,
        b"x",
        {"X-A": ["1"], "X-B": ["2"], "X-H": [], "Set-Cookie": ["a=1; Path=/", "b=2; Path=/"]},
    ),
    "headers of an answer that an inner step made stay, once": Case(
        [
            "next(); return 'x'",
            "next(); res.append_header('X-B', '2').set_cookie('b', '2')",
            "res.set_header('X-A', '1').set_cookie('a', '1').json('no')",
        ],
        "raise AssertionError",
        200,
        b"x",
        {"X-A": ["1"], "X-B": ["2"], "Set-Cookie": ["a=1; Path=/", "b=2; Path=/"]},
    ),
    "headers added to an answer that was replaced stay, once": Case(
        [
            "next(); return 'z'",
            "next(); res.append_header('X-B', '2')",
            "next(); res.append_header('X-C', '3'); return 'y'",
        ],
        OK,
        200,
        b"z",
        {"X-B": ["2"], "X-C": ["3"]},
    ),
    "a header that a step removed stays removed": Case(
        ["next(); return 'x'", "next(); res.remove_header('X-A')"],
        "res.json('ok')",
        200,
        b"x",
        {"X-A": []},
    ),
    "a header that was set before and removed after stays removed": Case(
        ["res.set_header('X-A', '1'); next(); return 'x'", "next(); res.remove_header('X-A')"],
        OK,
        200,
        b"x",
        {"X-A": []},
    ),
    "what describes an inner step's content goes with it": Case(
        ["next(); return 'x'", "return application"],
        "raise AssertionError",
        200,
        b"x",
        {"Content-Type": ["text/plain; charset=utf-8"], "X-App": ["1"]},
    ),
    "what describes an inner step's type goes with it": Case(
        ["next(); return json(1)", "return html('<p>')"],
        "raise AssertionError",
        200,
        b"1",
        {"Content-Type": ["application/json; charset=utf-8"]},
    ),
    "what describes an inner step's encoding goes with it": Case(
        ["next(); return 'x'", "next(); res.set_header('Content-Encoding', 'gzip').send(b'zipped')"],
        OK,
        200,
        b"x",
        {"Content-Encoding": []},
    ),
    "a step that encodes describes its content": Case(
        ["next(); res.set_header('Content-Encoding', 'rot').send(res.body[::-1])"] * 2,
        OK,
        200,
        b'"ok"',
        {"Content-Encoding": ["rot"], "Content-Type": ["application/octet-stream"]},
    ),
    # -- exceptions on the way back
    "a fault after next() drops the answer": Case(
        ["next(); raise RuntimeError('commit')"],
        "res.status(201).set_header('X-H', 'h').set_cookie('h', '1').json('ok')",
        500,
        FAULT,
        {"X-H": [], "Set-Cookie": [], "ETag": [], "Cache-Control": ["no-store"]},
        log="commit",
    ),
    "an error after next() is the answer": Case(
        ["next(); raise ApiError(409, 'twice', {'X-E': '1'})"],
        "res.status(201).json('ok')",
        409,
        b"twice",
        {"X-E": ["1"], "Cache-Control": ["no-store"]},
    ),
    "werkzeug's errors are answers": Case(
        ["next(); raise Conflict('twice')"], OK, 409, b"twice", {"Cache-Control": ["no-store"]}
    ),
    "a fault after a stream has begun drops it": Case(
        ["next(); raise RuntimeError('commit')"],
        "return Chunks(b'a')",
        500,
        FAULT,
        {"Content-Type": ["text/plain; charset=utf-8"]},
        log="commit",
    ),
    "a fault after an application has begun drops it": Case(
        ["next(); raise RuntimeError('commit')"],
        "return application",
        500,
        FAULT,
        {"X-App": [], "Vary": []},
        log="commit",
    ),
    "headers that middleware has set are on the error": Case(
        [
            "res.set_header('X-O', '1')\ntry:\n    next()\nfinally:\n"
            "    res.set_header('X-F', '1').set_cookie('f', '1')",
            "res.set_header('X-A', '1'); next(); res.set_header('X-B', '2')"
            ".append_header('X-A', '3'); raise RuntimeError('commit')",
        ],
        "res.set_header('X-H', 'h').json('ok')",
        500,
        FAULT,
        {
            "X-O": ["1"],
            "X-F": ["1"],
            "X-A": ["1", "3"],
            "X-B": ["2"],
            "X-H": [],
            "Set-Cookie": ["f=1; Path=/"],
        },
        log="commit",
    ),
    "a handler's fault keeps what finally sets": Case(
        ["try:\n    next()\nfinally:\n    res.set_header('X-F', '1')"],
        "res.set_header('X-H', 'h'); raise RuntimeError('x')",
        500,
        FAULT,
        {"X-F": ["1"], "X-H": []},
        log="RuntimeError",
    ),
    "a fault after next() drops an inner step's answer": Case(
        ["next(); raise RuntimeError('commit')", "return html('<p>', headers={'X-I': '1'})"],
        "raise AssertionError",
        500,
        FAULT,
        {"Content-Type": ["text/plain; charset=utf-8"], "X-I": ["1"]},
        log="commit",
    ),
    "a status that middleware had set is the error's": Case(
        ["next(); res.status(202); raise ApiError(409, 'x')"], OK, 409, b"x"
    ),
    "a fault after the handler's answer drops it": Case(
        ["next()"], "res.json('ok'); raise RuntimeError('late')", 500, FAULT, log="late"
    ),
    "of a handler that says more the first answer is sent": Case(
        ["next()"],
        "res.set_header('X-H', 'h').json('ok'); res.json('more')",
        200,
        b'"ok"',
        {"X-H": ["h"]},
        log="ResponseSentError",
    ),
    "SystemExit is a fault": Case(["next(); raise SystemExit"], OK, 500, FAULT, log="SystemExit"),
    "a hook's fault is one": Case(
        ["res.before_head(lambda: 1 / 0); next()"],
        "res.set_header('X-H', 'h').json('ok')",
        500,
        FAULT,
        {"X-H": []},
        log="ZeroDivisionError",
    ),
    # -- exceptions that are caught
    "a fault is caught and answered": Case(
        ["try:\n    next()\nexcept ValueError as error:\n    return json({'e': str(error)}, 400)"],
        "res.status(201).set_header('X-H', 'h'); raise ValueError('bad')",
        400,
        b'{"e":"bad"}',
        {"X-H": []},
    ),
    "a fault of an answered handler is caught and answered": Case(
        ["try:\n    next()\nexcept ValueError:\n    res.send('caught')"],
        "res.status(201).set_header('X-H', 'h').json('ok'); raise ValueError",
        200,
        b"caught",
        {"X-H": []},
    ),
    "a step's fault is caught and answered": Case(
        [
            "try:\n    next()\nexcept ValueError:\n    res.status(400).send('caught')",
            "next(); res.set_header('X-B', '2'); raise ValueError",
        ],
        "res.set_header('X-H', 'h').json('ok')",
        400,
        b"caught",
        {"X-H": [], "X-B": ["2"]},
    ),
    "an error is caught and answered": Case(
        ["try:\n    next()\nexcept ApiError as error:\n    return {'s': error.status}"],
        "raise ApiError(404, 'gone', {'X-E': '1'})",
        200,
        b'{"s":404}',
        {"X-E": [], "Cache-Control": []},
    ),
    "an error is caught and another one raised": Case(
        ["try:\n    next()\nexcept ValueError:\n    raise ApiError(409, 'other') from None"],
        "raise ValueError",
        409,
        b"other",
    ),
    "an error is caught and none is answered": Case(
        ["with contextlib.suppress(ValueError):\n    next()"],
        "raise ValueError",
        500,
        FAULT,
        log="neither responded",
    ),
    "an error's answer that was caught takes its status along": Case(
        ["try:\n    next()\nexcept ApiError:\n    res.send('caught')", "next()"],
        "raise ApiError(404, 'gone')",
        200,
        b"caught",
    ),
    "the inner one catches, the outer one changes": Case(
        [
            "next(); res.set_header('X-S', res.status_code)",
            "try:\n    next()\nexcept ValueError:\n    res.status(400).send('caught')",
        ],
        "raise ValueError",
        400,
        b"caught",
        {"X-S": ["400"]},
    ),
    # -- the first chunk
    "a stream's first chunk fails": Case(
        ["res.set_header('X-O', '1'); next(); res.set_header('X-A', '1')"],
        "res.set_header('X-H', 'h'); return Chunks(ValueError('chunk'))",
        500,
        FAULT,
        {"X-O": ["1"], "X-A": [], "X-H": []},
        log="chunk",
    ),
    "an application's first chunk fails": Case(
        ["res.set_header('X-O', '1'); next(); res.set_header('X-A', '1')"],
        "return lambda e, s: (s('200 OK', [('X-H', 'h')]), Chunks(ValueError('chunk')))[1]",
        500,
        FAULT,
        {"X-O": ["1"], "X-A": [], "X-H": []},
        log="chunk",
    ),
    "an application fails": Case(
        ["res.set_header('X-O', '1'); next()"],
        "return lambda e, s: 1 / 0",
        500,
        FAULT,
        {"X-O": ["1"]},
        log="ZeroDivisionError",
    ),
    "an application says nothing": Case(
        ["next()"], "return lambda e, s: []", 500, FAULT, log="start_response"
    ),
    "a stream's first chunk is caught": Case(
        ["try:\n    next()\nexcept ValueError:\n    return 'caught'"],
        "return Chunks(ValueError('chunk'))",
        200,
        b"caught",
    ),
    "a step's stream fails": Case(
        ["try:\n    next()\nexcept ValueError:\n    return 'caught'", "return Chunks(ValueError('chunk'))"],
        OK,
        200,
        b"caught",
    ),
    "the outermost step's stream fails": Case(
        ["res.set_header('X-O', '1'); next(); return Chunks(ValueError('chunk'))"],
        "res.set_header('X-H', 'h').json('ok')",
        500,
        FAULT,
        {"X-O": ["1"], "X-H": []},
        log="chunk",
    ),
    "an empty first chunk is none": Case(
        ["next(); res.set_header('X-A', '1')"],
        "return Chunks(b'', '', b'a', b'', b'b')",
        200,
        b"ab",
        {"X-A": ["1"]},
    ),
    "a stream without a chunk is empty": Case(
        ["next(); res.set_header('X-A', '1')"],
        "return Chunks()",
        200,
        b"",
        {"X-A": ["1"], "Content-Length": ["0"]},
    ),
    # -- async streams, applications of middleware's, redirects that are raised
    "an async stream": Case(
        ["next(); res.set_header('X-A', '1')"], "return parts()", 200, b"ab", {"X-A": ["1"]}
    ),
    "an async stream instead": Case(["return stream(parts())"], "raise AssertionError", 200, b"ab"),
    "an async stream after": Case(
        ["next(); return parts()"], "res.set_header('X-H', 'h').json(1)", 200, b"ab", {"X-H": []}
    ),
    "an async stream is replaced": Case(["next(); return 'x'"], "return parts()", 200, b"x"),
    "an async stream is replaced by the response": Case(
        ["next(); res.send('x')"], "return parts()", 200, b"x"
    ),
    "an async stream is dropped by a fault": Case(
        ["next(); raise RuntimeError('commit')"], "return parts()", 500, FAULT, log="commit"
    ),
    "an async stream's status has no content": Case(["next(); res.status(204)"], "return parts()", 204, b""),
    "a stream that cannot be closed is replaced": Case(
        ["next(); return 'x'"],
        "class Bad(Chunks):\n    def close(self): raise OSError('closing')\nreturn Bad(b'a')",
        200,
        b"x",
        log="closing",
    ),
    "an async stream's first chunk is caught": Case(
        ["try:\n    next()\nexcept ValueError:\n    return 'caught'"],
        "return parts(ValueError)",
        200,
        b"caught",
    ),
    "an application given to the response": Case(
        ["next(); res.delegate(application)"], "res.set_header('X-H', 'h').json(1)", 201, b"a,b", {"X-H": []}
    ),
    "a redirect that is raised": Case(
        ["res.set_header('X-O', '1'); next(); raise RequestRedirect('/there')"],
        "res.set_header('X-H', 'h').json(1)",
        308,
        None,
        {"Location": ["/there"], "X-O": ["1"], "X-H": []},
    ),
    "an answer that is raised": Case(
        ["next(); abort(werkzeug.Response('teapot', 418))"], OK, 418, b"teapot", {"ETag": []}
    ),
    # -- what is decided last
    "the etag is of what is sent": Case(
        ["next(); return 'x'"],
        OK,
        304,
        b"",
        {"Content-Type": []},
        request={"headers": [("If-None-Match", "*")]},
    ),
    "a condition counts for the status that is sent": Case(
        ["next(); res.status(201)"], OK, 201, b'"ok"', request={"headers": [("If-None-Match", "*")]}
    ),
    "an answer made 200 is conditional": Case(
        ["next(); res.status(200)"],
        "res.status(404).json('x')",
        304,
        b"",
        request={"headers": [("If-None-Match", "*")]},
    ),
    "a 304 keeps what middleware set": Case(
        ["next(); res.set_header('X-A', '1').set_cookie('a', '1')"],
        OK,
        304,
        b"",
        {"X-A": ["1"], "Set-Cookie": ["a=1; Path=/"]},
        request={"headers": [("If-None-Match", "*")]},
    ),
    "an etag of the step's own is compared": Case(
        ["next(); res.set_header('ETag', '\"mine\"')"],
        OK,
        304,
        b"",
        {"ETag": ['"mine"']},
        request={"headers": [("If-None-Match", '"mine"')]},
    ),
    "a HEAD is answered as a GET": Case(
        ["next(); return {'m': req.method}"],
        OK,
        200,
        b"",
        {"Content-Length": ["12"]},
        request={"method": "HEAD"},
    ),
    "a HEAD of a stream has its headers": Case(
        ["next(); res.set_header('X-A', '1')"],
        "res.set_header('Content-Length', 2); return iter('ab')",
        200,
        b"",
        {"X-A": ["1"], "Content-Length": ["2"]},
        request={"method": "HEAD"},
    ),
    "a length that was set is the true one": Case(
        ["next(); res.set_header('Content-Length', 99)"], OK, 200, b'"ok"', {"Content-Length": ["4"]}
    ),
    "a stream is cut to its length": Case(
        ["next(); res.set_header('Content-Length', 3)"],
        "return iter(['ab', 'cd'])",
        200,
        b"abc",
        {"Content-Length": ["3"]},
    ),
    # -- calling next() twice
    "next() twice is a fault": Case(
        ["next(); next()"],
        "res.set_header('X-H', 'h').json('ok')",
        500,
        FAULT,
        {"X-H": []},
        log="next() can be called only once",
    ),
    "next() twice by an inner step is a fault": Case(
        ["res.set_header('X-O', '1'); next()", "next(); next()"],
        "res.set_header('X-H', 'h').json('ok')",
        500,
        FAULT,
        {"X-O": ["1"], "X-H": []},
        log="next() can be called only once",
    ),
    "next() after a fault is one": Case(
        ["try:\n    next()\nexcept ValueError:\n    next()"],
        "raise ValueError",
        500,
        FAULT,
        log="next() can be called only once",
    ),
    "the second next() may be caught": Case(
        ["next()\nwith contextlib.suppress(RuntimeError):\n    next()"], OK, 200, b'"ok"'
    ),
    # -- bytes that have left
    "after a write a change is ignored": Case(
        [
            "next(); res.set_header('X-A', '1').status(500).remove_header('X-H')"
            ".append_header('X-A', '1').set_cookie('a', '1')"
        ],
        "res.set_header('X-H', 'h').write('a')",
        200,
        b"a",
        {"X-A": [], "X-H": ["h"], "Set-Cookie": []},
        log="the head has left; ignored",
    ),
    "after a write an answer is ignored": Case(
        ["next(); return 'x'"], "res.write('a'); res.end('b')", 200, b"ab", log="the head has left; ignored"
    ),
    "after a write another answer is ignored": Case(
        ["next(); res.json('x')"], "res.write('a')", 200, b"a", log="the head has left; ignored"
    ),
    "after a write nothing is called before the head": Case(
        ["next(); res.before_head(lambda: seen.append(1))"],
        "res.write('a')",
        200,
        b"a",
        log="the head has left; ignored",
    ),
    "after a write there is no content to read": Case(
        ["next(); assert res.body is None and res.headers_sent"], "res.write('a')", 200, b"a"
    ),
    # -- before the head
    "a hook is called before the head": Case(
        ["res.before_head(lambda res: res.set_header('X-S', res.status_code)); next()"],
        "res.status(201).json('ok')",
        201,
        b'"ok"',
        {"X-S": ["201"]},
    ),
    "a hook is called before a write": Case(
        ["res.before_head(lambda: res.set_header('X-S', '1')); next()"],
        "res.write('ok')",
        200,
        b"ok",
        {"X-S": ["1"]},
    ),
    "a hook is called before a stream": Case(
        ["res.before_head(lambda: res.set_header('X-S', '1')); next()"],
        "return iter('ok')",
        200,
        b"ok",
        {"X-S": ["1"]},
    ),
    "a hook is called before an application's": Case(
        ["res.before_head(lambda: res.set_header('X-S', res.get_header('X-App'))); next()"],
        "return application",
        201,
        b"a,b",
        {"X-S": ["1"]},
    ),
    "a hook is called before an error": Case(
        ["res.before_head(lambda: res.set_header('X-S', res.status_code)); next()"],
        "raise RuntimeError",
        500,
        FAULT,
        {"X-S": ["500"]},
        log="RuntimeError",
    ),
    "a hook may be given after next()": Case(
        ["next(); res.before_head(lambda: res.set_header('X-S', '1'))"], OK, 200, b'"ok"', {"X-S": ["1"]}
    ),
    "a hook changes the status": Case(["res.before_head(lambda: res.status(202)); next()"], OK, 202, b'"ok"'),
    "a hook is called once": Case(
        ["res.before_head(lambda: res.append_header('X-S', '1')); next(); return 'x'"],
        OK,
        200,
        b"x",
        {"X-S": ["1"]},
    ),
    "hooks are called from the inside out": Case(
        [
            "res.before_head(lambda: res.append_header('X-S', 'o')); next()",
            "res.before_head(lambda: res.append_header('X-S', 'i')); next()",
        ],
        OK,
        200,
        b'"ok"',
        {"X-S": ["i", "o"]},
    ),
    "the hooks around one that fails are called": Case(
        [
            "res.before_head(lambda: res.set_header('X-S', res.status_code)); next()",
            "res.before_head(lambda: 1 / 0); next()",
        ],
        OK,
        500,
        FAULT,
        {"X-S": ["500"]},
        log="ZeroDivisionError",
    ),
    "a handler's hook goes with its fault": Case(
        ["next()"],
        "res.before_head(lambda: res.set_header('X-H', 'h')); raise ValueError",
        500,
        FAULT,
        {"X-H": []},
        log="ValueError",
    ),
    "a handler's hook goes with its answer": Case(
        ["next(); return 'x'"],
        "res.before_head(lambda: res.set_header('X-H', 'h')).json('ok')",
        200,
        b"x",
        {"X-H": []},
    ),
    "a handler's hook is called before its head": Case(
        ["next()"],
        "res.before_head(lambda: res.set_header('X-H', 'h')).json('ok')",
        200,
        b'"ok"',
        {"X-H": ["h"]},
    ),
    # -- a value that is refused
    "a refused value changes nothing": Case(
        [
            "next()\nwith contextlib.suppress(ValueError):\n"
            "    res.set_header('X-A', 'a\\nb')\nres.set_header('X-B', '2')\nreturn 'x'"
        ],
        OK,
        200,
        b"x",
        {"X-A": [], "X-B": ["2"]},
    ),
    "a refused value is a fault with what was set": Case(
        ["res.set_header('X-O', '1'); next(); res.set_header('X-B', '2'); res.append_header('X-A', 'a\\0b')"],
        OK,
        500,
        FAULT,
        {"X-O": ["1"], "X-B": ["2"], "X-A": []},
        log="ValueError",
    ),
    "a value in UTF-8 stays itself": Case(
        [
            "res.set_header('X-A', 'é'); next(); res.set_header('X-B', 'é')"
            ".append_header('X-A', 'ß'); return 'x'"
        ],
        OK,
        200,
        b"x",
        {"X-A": ["Ã©", "Ã\x9f"], "X-B": ["Ã©"]},
    ),
}


def check(answer: Answer, case: Case) -> None:
    assert (answer.status, answer.body) == (case.status, answer.body if case.body is None else case.body)
    for name, values in case.headers.items():
        assert (name, answer.all(name)) == (name, values)


@pytest.mark.parametrize("kinds", ["s", "a", "sa", "as"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_middleware_and_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, case: Case, kinds: str
) -> None:
    app = app_with(tmp_path, case.steps, case.handler, kinds)
    caplog.set_level(logging.WARNING)
    check(call(app, **case.request), case)
    logged = "\n".join(record.getMessage() + (record.exc_text or "") for record in caplog.records)
    assert (case.log or "") in logged
    assert bool(case.log) == bool(logged)


# -- streams: closed once, whatever becomes of them


@dataclass
class Closed:
    """How often a stream was closed by the time the request was over."""

    steps: list[str]
    handler: str = "return Chunks(b'a')"
    status: int = 200
    times: int = 1


CLOSED = {
    "sent": Closed(["next()"]),
    "sent by a step": Closed(["return Chunks(b'a')"]),
    "replaced": Closed(["next(); return 'x'"]),
    "replaced by a stream": Closed(["next(); return Chunks(b'b')"], times=2),
    "dropped by a fault": Closed(["next(); raise RuntimeError"], status=500),
    "dropped by a status": Closed(["next(); res.status(204)"], status=204),
    "dropped by the handler's fault": Closed(["next()"], "res.send(Chunks(b'a')); raise ValueError", 500),
    "failed at its first chunk": Closed(["next()"], "return Chunks(ValueError())", 500),
    "failed at its first chunk, alone": Closed([], "return Chunks(ValueError())", 500),
    "an application's": Closed(["next()"], "return lambda e, s: (s('200 OK', []), Chunks(b'a'))[1]"),
    "an application's, replaced": Closed(
        ["next(); return 'x'"], "return lambda e, s: (s('200 OK', []), Chunks(b'a'))[1]"
    ),
    "an application's, failed": Closed(
        ["next()"], "return lambda e, s: (s('200 OK', []), Chunks(ValueError()))[1]", 500
    ),
    "an application's without a head": Closed(["next()"], "return lambda e, s: Chunks(b'a')", 500),
}


@pytest.mark.parametrize("kinds", ["s", "a", "sa"])
@pytest.mark.parametrize("case", CLOSED.values(), ids=CLOSED)
def test_a_stream_is_closed_once(tmp_path: Path, case: Closed, kinds: str) -> None:
    module = project(
        tmp_path, {"pages/api/x.py": source(case.steps, case.handler, kinds), "pages/api/seen.py": SEEN}
    )
    app = App(module)
    assert call(app).status == case.status
    assert call(app, target="/api/seen").json() == ["closed"] * case.times


SEEN = "from . import x\ndef GET(): return x.seen\n"


def test_a_stream_is_closed_when_the_client_leaves(tmp_path: Path) -> None:
    files = {"pages/api/x.py": source(["next()"], "return Chunks(b'a', b'b')"), "pages/api/seen.py": SEEN}
    app = App(project(tmp_path, files))
    answer: Any = app(environ(), lambda *head: lambda content: None)
    assert next(iter(answer)) == b"a"
    answer.close()
    assert call(app, target="/api/seen").json() == ["closed"]


@pytest.mark.parametrize("ends", ["return 'x'", "res.send('x')", "raise RuntimeError"])
@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_dropped_stream_is_closed_where_sync_code_runs(tmp_path: Path, ends: str, prefix: str) -> None:
    files = {
        "pages/api/x.py": "import threading\nthreads = []\n"
        + source([f"next(); {ends}"], "return chunks()", "a")
        + f"{prefix}def chunks():\n    try:\n        yield 'a'\n    finally:\n"
        "        threads.append(threading.current_thread())\n",
        "pages/api/seen.py": "import threading\nfrom . import x\n"
        "def GET(): return [thread is threading.current_thread() for thread in x.threads]\n",
    }
    app = App(project(tmp_path, files))
    call(app)
    assert call(app, target="/api/seen").json() == [prefix == ""]


def test_a_stream_has_begun_when_next_returns_and_goes_on_later(tmp_path: Path) -> None:
    steps = ["next(); seen.append('out'); res.set_header('X-Seen', str(seen))"]
    handler = "def chunks():\n    for n in 'ab':\n        seen.append(n)\n        yield n\nreturn chunks()"
    app = app_with(tmp_path, steps, handler)
    answer = call(app)
    assert (answer.header("X-Seen"), answer.body) == ("['a', 'out']", b"ab")


@pytest.mark.parametrize("steps", [["next()"], ["return late(res)"]])
def test_what_a_stream_sets_after_the_head_has_left_is_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, steps: list[str]
) -> None:
    late = "def late(res):\n    yield 'a'\n    res.set_header('X-A', '1')\n    yield 'b'\n"
    files = {"pages/api/x.py": late + source(steps, "return late(res)")}
    answer = call(App(project(tmp_path, files)))
    assert (answer.body, answer.header("X-A")) == (b"ab", None)
    assert "the head has left; ignored" in caplog.text


# -- what cuts the connection

CUT = {
    "a fault of the handler's": (["next()"], "res.write('a'); raise ValueError"),
    "a fault on the way back": (["next(); raise ValueError"], "res.write('a'); res.end('b')"),
    "a fault that is caught": (
        ["try:\n    next()\nexcept ValueError:\n    return 'x'"],
        "res.write('a'); raise ValueError",
    ),
    "a fault that is caught and hidden": (
        ["try:\n    next()\nexcept ValueError:\n    pass"],
        "res.write('a'); raise ValueError",
    ),
    "a fault on the way back that is caught": (
        ["try:\n    next()\nexcept ValueError:\n    pass", "next(); raise ValueError"],
        "res.write('a')",
    ),
    "an error of the handler's": (["next()"], "res.write('a'); raise ApiError(409, 'x')"),
    "too little": (["next()"], "res.set_header('Content-Length', 5); res.write('a')"),
    "too little, ended": ([], "res.set_header('Content-Length', 5); res.write('a'); res.end('b')"),
    "a stream of too little": (["next()"], "res.set_header('Content-Length', 5); return iter('ab')"),
    "a stream of too little, alone": ([], "res.set_header('Content-Length', 5); return iter('ab')"),
    "an empty stream of too little": (["next()"], "res.set_header('Content-Length', 5); return iter('')"),
    "a length that middleware set": (["next(); res.set_header('Content-Length', 5)"], "return iter('ab')"),
    "an application of too little": (
        ["next()"],
        "return lambda e, s: (s('200 OK', [('Content-Length', '9')]), [b'x'])[1]",
    ),
    "a later chunk": (["next()"], "return Chunks(b'a', ValueError())"),
    "a later chunk of a step's": (["next(); return Chunks(b'a', ValueError())"], OK),
    "a later chunk of an application's": (
        ["next()"],
        "return lambda e, s: (s('200 OK', []), Chunks(b'a', ValueError()))[1]",
    ),
}


@pytest.mark.parametrize("kinds", ["s", "a", "as"])
@pytest.mark.parametrize(("steps", "handler"), CUT.values(), ids=CUT)
def test_what_cannot_be_finished_is_cut_off_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, steps: list[str], handler: str, kinds: str
) -> None:
    with pytest.raises(ResponseAborted):
        call(app_with(tmp_path, steps, handler, kinds))
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


@pytest.mark.parametrize("handler", ["res.write('abc'); res.end('d')", "return iter(['ab', 'cd'])"])
def test_what_is_too_much_is_not_sent(tmp_path: Path, handler: str) -> None:
    app = app_with(tmp_path, ["next()"], f"res.set_header('Content-Length', 3); {handler}")
    assert call(app).body == b"abc"


def test_an_answer_in_memory_is_never_cut_off(tmp_path: Path) -> None:
    app = app_with(
        tmp_path, ["next(); raise RuntimeError"], "res.set_header('Content-Length', 9); res.end('a')"
    )
    assert call(app).status == 500


# -- what is answered where no handler is called

NOWHERE = [
    ("GET", "/api/nope", 404, b"Not Found"),
    ("GET", "/elsewhere", 404, b"Not Found"),
    ("GET", "/api/x/..", 404, b"Not Found"),
    ("PUT", "/api/get", 405, b"Method Not Allowed"),
    ("OPTIONS", "/api/get", 204, b""),
    ("GET", "/api/x/", 308, b"/api/x"),
    ("POST", "//api//x", 308, b"/api/x"),
    ("GET", "/api/get/?a=1", 308, b"/api/get?a=1"),
    ("GET", "/api/at/%00", 400, b"Bad Request"),
    ("GET", "/api/nope%01", 400, b"Bad Request"),
    ("GET", "/api/at/%ff", 400, b"Bad Request"),
]
AROUND = """
def around(req, res, next):
    res.set_header("X-Before", "1")
    next()
    res.set_header("X-Status", res.status_code).set_header("X-Content", res.body.decode())
    if "HTTP_REPLACE" in req.environ:
        return {"was": res.status_code}
    if "HTTP_FAIL" in req.environ:
        raise RuntimeError
    if "HTTP_STATUS" in req.environ:
        res.status(418)
"""


def around_everything(root: Path, is_async: bool) -> App:
    body = AROUND.replace("next()", "await next()").replace("def", "async def") if is_async else AROUND
    get = "def GET(): return 1\n"
    files = {
        "pages/api/x.py": "def handler(req, res): res.json(1)\n",
        "pages/api/get.py": get,
        "pages/api/at/[id].py": get,
    }
    steps: dict[str, Any] = {}
    exec(body, steps)
    return App(project(root, files), middleware=[steps["around"]])


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("method", "target", "status", "content"), NOWHERE)
def test_what_the_framework_answers_is_an_answer(
    tmp_path: Path, method: str, target: str, status: int, content: bytes, is_async: bool
) -> None:
    app = around_everything(tmp_path, is_async)
    answer = call(app, method, target)
    assert (answer.status, answer.body, answer.header("X-Status")) == (status, content, str(status))
    assert answer.header("X-Content") == content.decode()
    replaced = call(app, method, target, headers=[("Replace", "1")])
    assert (replaced.status, replaced.json()) == (200, {"was": status})
    dropped = [replaced.header(name) for name in ("Location", "Allow", "Cache-Control")]
    assert dropped == [None, None, None]
    assert replaced.header("X-Before") == "1"
    failed = call(app, method, target, headers=[("Fail", "1")])
    assert (failed.status, failed.header("X-Before"), failed.header("X-Status")) == (500, "1", str(status))
    assert call(app, method, target, headers=[("Status", "1")]).status == 418


@pytest.mark.parametrize(
    ("target", "method", "labels"),
    [
        ("/api/at/1/", "GET", "project at module"),
        ("/api/at/%00", "GET", "project at module"),
        ("/api/at/1", "PUT", "project at module"),
        ("/api/at/1", "OPTIONS", "project at module"),
        ("/api/at/1", "GET", "project at module method"),
        ("/api/at/1/2", "GET", "project at"),
        ("/api/x%01", "GET", "project"),
    ],
)
def test_the_steps_of_the_place_run_around_it(tmp_path: Path, target: str, method: str, labels: str) -> None:
    def step(label: str) -> str:
        return (
            f"def {label}(req, res, next):\n    res.append_header('X-Label', '{label}')\n    return next()\n"
        )

    files = {
        "pages/api/at/_middleware.py": step("at") + "middleware = at\n",
        "pages/api/at/[id].py": "from apiroutes import use\n"
        + step("module")
        + step("method")
        + "middleware = [module]\n@use(method)\ndef GET(): return 1\n",
    }
    made: dict[str, Any] = {}
    exec(step("project"), made)
    answer = call(App(project(tmp_path, files), middleware=[made["project"]]), method, target)
    assert " ".join(answer.all("X-Label")) == labels


ERRORS = [
    ("x.py", "def POST(body): return body\n", "POST", b"{", 400),
    ("x.py", "def POST(body: list[int]): return body\n", "POST", b"{}", 422),
    ("x.py", "def POST(page: int): return page\n", "POST", b"", 422),
    (
        "x.py",
        "config = {'api': {'bodyParser': {'sizeLimit': 1}}}\ndef POST(body): return body\n",
        "POST",
        b"12",
        413,
    ),
]


@pytest.mark.parametrize(("name", "handler", "method", "body", "status"), ERRORS)
def test_what_does_not_fit_is_an_exception(
    tmp_path: Path, name: str, handler: str, method: str, body: bytes, status: int
) -> None:
    raised: list[Any] = []

    def note(req: Any, res: Any, next: Callable[[], Any]) -> None:
        res.set_header("X-Before", "1")
        try:
            next()
        except Exception as error:
            raised.append(getattr(error, "status", None))
            raise

    app = App(project(tmp_path, {f"pages/api/{name}": handler}), middleware=[note])
    answer = call(app, method, headers=[("Content-Type", "application/json")], body=body)
    assert (answer.status, raised, answer.header("X-Before")) == (status, [status], "1")
    assert answer.header("Cache-Control") == "no-store"


# -- transactions: what a handler, a step or a stream's first chunk raises is seen by every step outside

RAISING = {
    "a handler": ([], "raise ValueError", 500),
    "a handler that had answered": ([], "res.json(1); raise ValueError", 500),
    "an error": ([], "raise ApiError(409, 'x')", 409),
    "a step": (["next(); raise ValueError"], OK, 500),
    "a stream": ([], "return Chunks(ValueError())", 500),
    "an application": ([], "return lambda e, s: 1 / 0", 500),
    "content that cannot be written": ([], "return object()", 500),
    "content that reads badly": ([], "class F:\n    def read(self, n): raise OSError\nreturn F()", 500),
    "a step's content that cannot be written": (["next(); return object()"], OK, 500),
    "a handler that says nothing": ([], "pass", 500),
    "SystemExit": ([], "raise SystemExit", 500),
}


@pytest.mark.parametrize("kinds", ["s", "a", "sa", "as"])
@pytest.mark.parametrize(("inner", "handler", "status"), RAISING.values(), ids=RAISING)
def test_what_is_raised_inside_travels_outward(
    tmp_path: Path, inner: list[str], handler: str, status: int, kinds: str
) -> None:
    transaction = (
        "try:\n    next()\nexcept BaseException:\n    res.set_header('X-Done', 'rolled back')\n    raise\n"
        "res.set_header('X-Done', 'committed')"
    )
    answer = call(app_with(tmp_path, [transaction, *inner], handler, kinds))
    assert (answer.status, answer.header("X-Done")) == (status, "rolled back")


# -- the framework's errors are for one request alone


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [("GET", "/api/nope", b""), ("PUT", "/api/x", b""), ("GET", "/api/x", b""), ("POST", "/api/x", b"{")],
)
@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_an_error_is_not_stored(tmp_path: Path, method: str, target: str, body: bytes, accept: str) -> None:
    handler = (
        "def GET(res):\n    res.set_header('Cache-Control', 'public'); raise ValueError\n"
        "def POST(body): return body\n"
    )
    app = App(project(tmp_path, {"pages/api/x.py": handler}))
    headers = [("Accept", accept), ("Content-Type", "application/json")]
    answer = call(app, method, target, headers=headers, body=body)
    assert (answer.status >= 400, answer.all("Cache-Control")) == (True, ["no-store"])


# -- None is an answer in one case


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("kinds", ["s", "a"])
@pytest.mark.parametrize("steps", [[], ["next()"]])
def test_a_status_that_carries_no_content_is_an_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int, kinds: str, steps: list[str]
) -> None:
    answer = call(app_with(tmp_path, steps, f"res.status({status})", kinds))
    assert (answer.status, answer.body, caplog.records) == (status, b"", [])


@pytest.mark.parametrize("status", [200, 201, 404])
def test_another_status_alone_is_sent_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    answer = call(app_with(tmp_path, [], f"res.status({status})"))
    assert (answer.status, answer.body) == (status, b"")
    assert [record.levelname for record in caplog.records] == ["WARNING"]


# -- the view of the headers


READS = [
    ("res.headers['x-a']", "1"),
    ("res.headers.get('X-Nope')", None),
    ("res.headers.getlist('X-B')", ["2", "3"]),
    ("'X-A' in res.headers", True),
    ("len(res.headers)", 4),
    ("[name for name, _ in res.headers]", ["X-A", "X-B", "X-B", "Content-Type"]),
    ("dict(res.headers.copy())['X-A']", "1"),
    ("res.headers.copy().get('X-B')", "2"),
    ("str(res.headers).splitlines()[0]", "X-A: 1"),
    ("list(res.headers.keys())[0]", "X-A"),
    ("res.headers.get('X-A', type=int)", 1),
]


@pytest.mark.parametrize(("expression", "value"), READS)
def test_headers_can_be_read(tmp_path: Path, expression: str, value: Any) -> None:
    step = f"next(); return {{'value': {expression}}}"
    handler = "res.set_header('X-A', '1').set_header('X-B', ['2', '3']).json('ok')"
    assert call(app_with(tmp_path, [step], handler)).json() == {"value": value}


WRITES = [
    "res.headers['X-A'] = '1'",
    "del res.headers['X-A']",
    "res.headers.add('X-A', '1')",
    "res.headers.set('X-A', '1')",
    "res.headers.remove('X-A')",
    "res.headers.clear()",
    "res.headers.pop('X-A')",
    "res.headers.update({'X-A': '1'})",
    "res.headers.extend({'X-A': '1'})",
    "res.headers.setdefault('X-C', '1')",
    "res.headers |= {'X-A': '1'}",
    "res.headers.setlist('X-A', ['1'])",
]


@pytest.mark.parametrize("line", WRITES)
def test_headers_cannot_be_written(tmp_path: Path, line: str) -> None:
    step = f"next()\ntry:\n    {line}\nexcept (TypeError, AttributeError) as error:\n    return str(error)"
    answer = call(app_with(tmp_path, [step], "res.set_header('X-A', 'a').json('ok')"))
    assert "set_header" in answer.body.decode() or "headers" in answer.body.decode()
