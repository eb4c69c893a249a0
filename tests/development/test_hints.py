"""The hints for frequent mistakes: each is given for its mistake, and not for what only looks like it."""

from __future__ import annotations

import functools
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import apiroutes
from apiroutes.development.application import load_application
from apiroutes.development.python_hints import EXPORTS
from tests.support import call, project

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Mistake:
    """A route's source and a request; `hint` are parts of the hint, none for what gets no hint."""

    source: str
    hint: tuple[str, ...] = ()
    target: str = "/api/x"
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    files: Mapping[str, str] = field(default_factory=dict)
    status: int = 500


def posted(source: str, *hint: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Mistake:
    return Mistake(source, hint, method="POST", body=body, headers=headers or {})


FIND = "async def find(): return {'name': 'Ada'}\n"
TOP = Path(__file__).parents[2]
DECORATED = """
import functools

def logged(function):
    {wraps}
    {kind} wrapper(*args, **kwargs):
        {call}
    return wrapper

@logged
{handler}
"""


def decorated(handler: str, wraps: str = "", is_async: bool = False) -> str:
    kind, call = ("async def", "return await function(*args, **kwargs)") if is_async else ("def", "")
    call = call or "return function(*args, **kwargs)"
    return DECORATED.format(wraps=wraps or "pass", kind=kind, call=call, handler=handler)


def middleware(*lines: str, kind: str = "def") -> str:
    body = "\n    ".join(lines)
    return (
        f"from apiroutes import use\n{kind} mw(req, res, next):\n    {body}\n"
        f"@use(mw)\n{kind} GET(): return {{}}\n"
    )


WITH_MIDDLEWARE = "def step(req, res, next):\n    next({})\nmiddleware = [step]\ndef GET(): return 1"
MISTAKES = {
    "arguments of next": Mistake(WITH_MIDDLEWARE.format("req"), ("Write `next()`",)),
    "an error of next": Mistake(WITH_MIDDLEWARE.format("ValueError('x')"), ("`next` takes nothing.",)),
    "FastAPI's own exception": Mistake(
        "from fastapi import HTTPException\n"
        "def GET(): raise HTTPException(status_code=404, detail='No such thing')",
        ('`raise ApiError(404, "No such thing")`', "`from apiroutes import ApiError`"),
    ),
    "Starlette's exception": Mistake(
        "from starlette.exceptions import HTTPException\ndef GET(): raise HTTPException(403)",
        ('`raise ApiError(403, "Forbidden")`',),
    ),
    "Flask's request": Mistake(
        "from flask import request\ndef GET(): return request.args.get('x')",
        ("Take `request` as a parameter of the handler",),
    ),
    "Flask's session": Mistake(
        "from flask import session\ndef GET(): return session['a']", ("Take `session: Session`",)
    ),
    "Flask's own jsonify": Mistake(
        "from flask import jsonify\ndef GET(): return jsonify(a=1)", ("Return the dict or the list itself",)
    ),
    "an exception returned": Mistake(
        "from apiroutes import ApiError\ndef GET(): return ApiError(404, 'no')", ("`raise ApiError(...)`",)
    ),
    # coroutines
    "a coroutine subscripted": Mistake(
        FIND + "async def GET(): return find()['name']", ("Write `await find()`.",)
    ),
    "a coroutine's attribute": Mistake(
        FIND + "async def GET():\n    user = find()\n    return user.name", ("Write `await find(...)`.",)
    ),
    "a coroutine added": Mistake(FIND + "async def GET(): return find() + 1", ("Write `await find()`.",)),
    "a coroutine iterated": Mistake(FIND + "async def GET(): return [*find()]", ("Write `await find()`.",)),
    "a coroutine in a plain handler": Mistake(
        FIND + "def GET(): return find()['name']", ("Write `await find()`, in an `async def GET`.",)
    ),
    "a coroutine returned": Mistake(
        FIND + "async def GET(): return find()", ("`find(...)` was not awaited. Write `await find(...)`.",)
    ),
    "a coroutine in what is returned": Mistake(
        FIND + "def GET(): return {'user': find()}", ("Write `await find(...)`, in an `async def GET`.",)
    ),
    "a coroutine sent": Mistake(
        FIND + "async def GET(req, res): res.json([find()])", ("Write `await find(...)`.",)
    ),
    # results
    "a tuple as in Flask": Mistake(
        "def GET(): return {'a': 1}, 201", ("`return json(value, status=201)`", "from apiroutes import json")
    ),
    "a tuple with headers": Mistake(
        "def GET(): return '', 404, {}", ("`return json(value, status=404, headers={...})`",)
    ),
    "a comma at the end": Mistake("def GET():\n    return {'a': 1},", ("Remove it: `return value`",)),
    "a tuple of values": Mistake("def GET(): return 'a', 'b'", ("Return a list",)),
    "a generator of dicts": Mistake("def GET():\n    yield {'a': 1}", ("`return list(items)`",)),
    "a generator of numbers": Mistake("def GET():\n    yield 1", ("`str(item)`",)),
    "an object": Mistake(
        "class User:\n    def __init__(self): self.id = 1\ndef GET(): return [User()]",
        ("`User` has no form in JSON", "dataclass"),
    ),
    "a function": Mistake("def find(): return 1\ndef GET(): return {'user': find}", ("Call it: `find()`.",)),
    "json.dumps of a date": Mistake(
        "import datetime, json\ndef GET(): return json.dumps({'day': datetime.date.today()})",
        ("`json.dumps` cannot write `date`, and apiroutes can",),
    ),
    "a class": Mistake("class User: pass\ndef GET(): return [User]", ("an object of it: `User(...)`",)),
    "a class returned": Mistake("class User: pass\ndef GET(): return User", ("`return User(...)`",)),
    "a function returned": Mistake("def find(): 1\ndef GET(): return find", ("`return find(...)`",)),
    "a module": Mistake("import string\ndef GET(): return [string]", ("the module `string` itself",)),
    "a forgotten return": Mistake(
        "def GET():\n    user = {'id': 1}\n    {'user': user}", ("Write `return {'user': user}`.",)
    ),
    "a forgotten return of a name": Mistake("def GET(): x = {'a': 1}", ("Write `return x` below it.",)),
    "a forgotten return of a call": Mistake(
        "from apiroutes import json\ndef same(function): return function\n"
        "@same\nasync def GET():\n    json({'id': 1})",
        ("Write `return json({'id': 1})`.",),
    ),
    # the request
    "request.json()": posted(
        "def POST(request): return request.json()",
        "Write `request.json`, without parentheses",
        body=b"{}",
        headers=JSON,
    ),
    "await request.json()": posted(
        "async def POST(request): return await request.json()",
        "Write `request.json`, without parentheses",
        body=b"[]",
        headers=JSON,
    ),
    "await request.json": posted(
        "async def POST(request): return await request.json",
        "`request.json` returns its value at once. Write it without `await`.",
        body=b"{}",
        headers=JSON,
    ),
    "req.body()": posted("def POST(req): return req.body()", "Write `req.body`, without parentheses"),
    "req.headers()": Mistake("def GET(req): return req.headers()", ("Write `req.headers`, without",)),
    "await of a plain function": Mistake(
        "def find(): return 1\nasync def GET(): return await find()", ("Write it without `await`",)
    ),
    "another framework's request": Mistake(
        "def GET(request): return request.query_params", ("Write `request.query`",)
    ),
    "a name in camel case": Mistake(
        "def GET(req, res): res.setHeader('A', 'b')", ("write `res.set_header`",)
    ),
    "Next.js's draft mode": Mistake(
        "def GET(req, res): res.setDraftMode({'enable': True})", ("write `res.set_draft_mode`",)
    ),
    "Next.js's preview data": Mistake("def GET(req): return req.previewData", ("write `req.preview_data`",)),
    "Next.js's preview": Mistake("def GET(req): return req.preview", ("Write `request.draft_mode`",)),
    "draft mode by another name": Mistake(
        "def GET(req, res): res.disable_draft_mode()", ("Write `res.set_draft_mode(False)`",)
    ),
    "no body": posted("def POST(req): return req.body['a']", "because this request has no content"),
    "no body, by name": posted("def POST(body): return body.get('a')", "because this request has no content"),
    "no body, with in": posted("def POST(body): return 'a' in body", "because this request has no content"),
    "a body that is not parsed": posted(
        "config = {'api': {'bodyParser': False}}\ndef POST(req): return req.body['a']",
        "`bodyParser` off",
        body=b"{}",
        headers=JSON,
    ),
    "a body of text": posted(
        "def POST(req): return req.body['a']",
        "`req.body` is str because the request's Content-Type is `text/plain`",
        body=b"{}",
        headers={"Content-Type": "text/plain"},
    ),
    "a body without a type": posted(
        "def POST(body): return body.get('a')", "because the request has no Content-Type", body=b"{}"
    ),
    "a body of bytes": posted(
        "def POST(body): return body['a']",
        "`body` is bytes because",
        body=b"{}",
        headers={"Content-Type": "application/octet-stream"},
    ),
    "JSON sent as a form": posted(
        "def POST(req): return req.body['a']",
        "sent JSON as a form",
        body=b'{"a": 1}',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "bytes that are no text": posted(
        "def POST(req): return req.raw_body.decode()",
        "The client's bytes are not utf-8",
        body=b"\xff",
        headers={"Content-Type": "application/octet-stream"},
    ),
    "a key that the query lacks": Mistake(
        "def GET(req): return req.query['page']",
        ('no `"page"`. It has `"pag"`', '`req.query.get("page")`', 'def GET(page: str = "")'),
        target="/api/x?pag=1",
    ),
    "a key that the body lacks": posted(
        "def POST(body): return body['name']", 'It has `"nam"`', "422", body=b'{"nam": 1}', headers=JSON
    ),
    "a parameter that the path lacks": Mistake(
        "def GET(params): return params['user']",
        ('`/api/[id]`, has no parameter `"user"`. It has `"id"`',),
        target="/api/5",
        files={"pages/api/[id].py": "def GET(params): return params['user']"},
    ),
    "a key that no middleware set": Mistake(
        "def GET(context): return context['user']", ('No middleware has set `context["user"]`',)
    ),
    "a key as an attribute": Mistake(
        "def GET(query): return query.page",
        ('`query` is a dict: write `query["page"]`.',),
        target="/api/x?page=1",
    ),
    "a route handler's second argument": Mistake(
        "async def GET(req, context): return context['params']['id']",
        ("`context` is what middleware keeps", "`def GET(params)`"),
        target="/api/5",
        files={"pages/api/[id].py": "async def GET(req, context): return context['params']['id']"},
    ),
    "its attribute": Mistake(
        "async def GET(req, context): return (await context.params)['id']", ("`def GET(id: int)`",)
    ),
    "Response.json": Mistake(
        "from apiroutes import Response\ndef GET(): return Response.json({'a': 1})",
        ("`Response.json` is not for handlers", "`json(value, status=201)`"),
    ),
    "Response.redirect with a status": Mistake(
        "from apiroutes import Response\ndef GET(): return Response.redirect('/a', 303)",
        ("`Response.redirect` is not for handlers",),
    ),
    "Response(text, status=201)": Mistake(
        "from apiroutes import Response\ndef GET(): return Response('hi', status=201)",
        ("`Response` is not for handlers", "`text(...)`"),
    ),
    "Response(text)": Mistake(
        "from apiroutes import Response\ndef GET(): return Response('hi')", ("makes no `Response`",)
    ),
    "nextUrl": Mistake(
        "def GET(request): return request.nextUrl.searchParams.get('q')", ("`request.url`", "`request.query`")
    ),
    "the connection's address": Mistake(
        "def GET(req): return req.socket.remoteAddress", ("Write `request.remote_addr`",)
    ),
    "an event of Node's request": Mistake("def GET(req): req.on('close', print)", ("`finally`",)),
    "an event of Node's response": Mistake(
        "def GET(req, res): res.on('finish', print)", ("`after(function)`",)
    ),
    "flush_headers": Mistake("def GET(req, res): res.flush_headers()", ("`stream(...)`",)),
    "flushHeaders": Mistake("def GET(req, res): res.flushHeaders()", ("with the first content",)),
    "write_head": Mistake(
        "def GET(req, res): res.write_head(200)", ("Write `res.status(...).set_headers({...})`",)
    ),
    "the cookies of a response": Mistake(
        "def GET(req, res): res.cookies.set('a', 'b')", ("Write `res.set_cookie`",)
    ),
    "a cookie's value": Mistake(
        "def GET(req): return req.cookies.get('theme').value",
        ("`req.cookies.get('theme')` is the cookie's value itself", "Leave out `.value`"),
        headers={"Cookie": "theme=dark"},
    ),
    "a missing cookie's value": Mistake(
        "def GET(req):\n    theme = req.cookies.get('theme')\n    return theme.value", ("Leave out `.value`",)
    ),
    "options of a cookie in a dict": Mistake(
        "def GET(req, res): res.set_cookie('a', 'b', {'httpOnly': True, 'maxAge': 60})",
        ("write `res.set_cookie(..., httponly=True, max_age=60)`",),
    ),
    "an option of a cookie": Mistake(
        "def GET(req, res): res.set_cookie('a', 'b', http_only=True, path='/')", ("httponly=True)`",)
    ),
    "another spelling of an option": Mistake(
        "def GET(req, res): res.set_cookie('a', 'b', sameSite='Lax')", ("samesite='Lax')`",)
    ),
    "an upload as JSON": posted(
        "def POST(req): return {'f': req.files['f']}",
        "An upload has no form in JSON",
        body=b'--B\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nhi\r\n--B--\r\n',
        headers={"Content-Type": "multipart/form-data; boundary=B"},
    ),
    "context.user": Mistake("def GET(context): return context.user", ('write `context["user"]`.',)),
    "text as a number": Mistake(
        "def GET(query): return query['page'] + 1", ("`query['page']` is text",), target="/api/x?page=1"
    ),
    "text compared with a number": Mistake(
        "def GET(query): return query['page'] > 1", ("`int(query['page'])`",), target="/api/x?page=1"
    ),
    # the response
    "a status as text": Mistake("def GET(req, res): res.status('200')", ("write `res.status(200)`",)),
    "a second response after a stream": Mistake(
        "def GET(req, res):\n    res.send(iter([b'a']))\n    res.json({})",
        ("had responded before this `res.json`", "`return`"),
    ),
    "a header after a stream": Mistake(
        "def GET(req, res):\n    res.send(iter([b'a']))\n    res.set_header('A', 'b')", ("Move this line up",)
    ),
    "swapped arguments": Mistake(
        "from apiroutes import ApiError\ndef GET(): raise ApiError('Not found', 404)",
        ('write `ApiError(404, "Not found")`',),
    ),
    "FastAPI's exception": Mistake(
        "from werkzeug.exceptions import HTTPException\ndef GET(): raise HTTPException(status_code=404)",
        ('`raise ApiError(404, "...")`',),
    ),
    "abort with a text": Mistake(
        "from werkzeug.exceptions import abort\ndef GET(): abort('No such user')",
        ('write `abort(404, "No such user")`',),
    ),
    # Python
    "a decorator without wraps": Mistake(
        decorated("def GET(params): return {}"),
        ("Write `@functools.wraps(function)` above `def wrapper`",),
    ),
    "an async decorator without wraps": Mistake(
        decorated("async def GET(): return {}", is_async=True), ("`@functools.wraps(function)`",)
    ),
    "a variable of the environment": Mistake(
        "import os\ndef GET(): return os.environ['A_PLACE_OF_MINE']",
        ("Put `A_PLACE_OF_MINE=...` into .env", 'os.environ.get("A_PLACE_OF_MINE", "...")'),
    ),
    "a module without its dot": Mistake(
        "def GET():\n    from _db import find",
        ("Write `from ._db import find`.",),
        files={"pages/api/_db.py": "def find(): return 1"},
    ),
    "a package under another name": Mistake("def GET():\n    import fitz", ("pip install pymupdf`",)),
    "a package that nobody knows": Mistake("def GET():\n    import zzz_nothing", ("Check the name",)),
    "a package almost": Mistake("def GET():\n    import requestz", ("Did you mean `requests`?",)),
    "a circular import": Mistake(
        "def GET():\n    from . import _one",
        ("Move `first` into a file that imports neither",),
        files={
            "pages/api/_one.py": "from ._two import second\nfirst = 1",
            "pages/api/_two.py": "from ._one import first\nsecond = 2",
        },
    ),
    "a name almost": Mistake("def GET():\n    user = 1\n    return usr", ("Did you mean `user`?",)),
    "a name of ours": Mistake("def GET(): return redirect('/')", ("`from apiroutes import redirect`",)),
    "a module of Python's": Mistake("def GET(): return os.getcwd()", ("`import os`",)),
    "a parameter that is not taken": Mistake("def GET(): return request.query", ("`def GET(request)`",)),
    "Flask's jsonify": Mistake("def GET(): return jsonify({})", ("Return the dict",)),
    "a module for its class": Mistake(
        "import datetime\ndef GET(): return datetime.now()",
        ("Write `datetime.datetime.now`", "`from datetime import datetime`"),
    ),
    "JavaScript's null": Mistake("def GET(): return {'a': null}", ("Python writes `None`",)),
    "None of a lookup": Mistake(
        "def GET():\n    user = {}.get('a')\n    return user['name']",
        ("`user` is None here", 'raise ApiError(404, "Not found")'),
    ),
    "None of a function": Mistake(
        "def find(key): {}\ndef GET(): return find(1).name", ("`find(1)` returned None",)
    ),
    # habits
    "a header that the request lacks": Mistake(
        "def GET(req): return req.headers['X-Missing']",
        ('no header `"X-Missing"`', '`req.headers.get("X-Missing")`'),
    ),
    "a cookie that the request lacks": Mistake(
        "def GET(req): return req.cookies['sid']", ('no cookie `"sid"`', '`req.cookies.get("sid")`')
    ),
    "a signed cookie that the request lacks": Mistake(
        "def GET(req): return req.signed_cookies['sid']",
        ('no valid signed cookie `"sid"`', '`req.signed_cookies.get("sid")`'),
    ),
    "another framework's signed cookie": Mistake(
        "def GET(req): return req.get_signed_cookie('sid')", ("Write `request.signed_cookies.get(name)`",)
    ),
    "another framework's secure cookie": Mistake(
        "def GET(res): res.set_secure_cookie('sid', '1')", ("Write `res.set_signed_cookie`",)
    ),
    "a module called like a result": Mistake(
        "import json\ndef GET(): return json({'a': 1})",
        ("`from apiroutes import json` in place of `import json`",),
    ),
    "a module called like its class": Mistake(
        "import datetime\ndef GET(): return datetime(2026, 1, 1)", ("Write `datetime.datetime(...)`",)
    ),
    "a status beside what is sent": Mistake(
        "def GET(req, res): res.json({'a': 1}, status=201)", ("write `res.status(201).json({'a': 1})`",)
    ),
    "a status after what is sent": Mistake(
        "def GET(req, res): res.send('a', 404)", ("write `res.status(404).send('a')`",)
    ),
    "a decorator of the request": Mistake(
        "def deco(f):\n    def inner(req): return f(req)\n    return inner\n@deco\ndef GET(): return 1",
        ("calls `GET` with `(req)`, and it takes `()`", "`@functools.wraps(f)`"),
    ),
    "a decorator that passes the request": Mistake(
        "def deco(f):\n    def inner(req): return f(req)\n    return inner\n@deco\n"
        "def GET(query): return query['a']",
        ("`query` is the request here, because `inner` calls `GET` with it",),
    ),
    "the request returned": Mistake("def GET(req): return req", ("This is the request itself",)),
    "a function of Python's": Mistake("def GET(): return print", ("`print` itself was returned",)),
    # None, by where it comes from
    "what next() returns": Mistake(
        middleware("response = next()", "response.headers['X'] = '1'", "return response"),
        ("`next()` returns nothing: use `res.set_header(...)`",),
    ),
    "a status of what next() returns": Mistake(
        middleware("next().status_code = 201"), ("`next()` returns nothing: use `res.status(...)`",)
    ),
    "what an awaited next() returns": Mistake(
        middleware("response = await next()", "response.headers['X'] = '1'", kind="async def"),
        ("`next()` returns nothing: use `res.set_header(...)`",),
    ),
    "null as JSON": posted(
        "def POST(req):\n    data = req.get_json()\n    return data['name']",
        "the body is JSON's `null`",
        "`def POST(body: dict)`",
        body=b"null",
        headers=JSON,
    ),
    "no JSON, silently": posted(
        "def POST(req):\n    data = req.get_json(silent=True)\n    return data['name']",
        "the body is not JSON, or is JSON's `null`",
    ),
    "no body, under another name": posted(
        "def POST(req):\n    data = req.body\n    return data['name']", "because this request has no content"
    ),
    "a function without a return": Mistake(
        "def find(): 1\ndef GET():\n    user = find()\n    return user['a']",
        ("`find()` returned None: `find` has no `return` with a value",),
    ),
    "a function that may return None": Mistake(
        "def find(key):\n    if key: return 1\n    return None\n"
        "def GET():\n    user = find(0)\n    return user['a']",
        ("`if user is None: raise ApiError(404",),
    ),
    "a list that was sorted": Mistake(
        "def GET():\n    items = [1]\n    found = items.sort()\n    return found[0]",
        ("`items.sort()` changes `items` and returns None",),
    ),
    "a name that is set to None": Mistake(
        "def GET(query):\n    user = None\n    if query: user = {}\n    return user['a']",
        ("line 2 sets it",),
    ),
    "a parameter without its value": Mistake(
        "def GET(page: str | None = None): return page.upper()", ("this request does not have it",)
    ),
    "None that is looped over": Mistake(
        "def find(): 1\ndef GET():\n    for item in find(): pass", ("`find()` returned None",)
    ),
    # loops and contexts
    "a loop over a coroutine": Mistake(
        FIND + "def GET():\n    for k in find(): pass", ("Write `await find()`, in an `async def GET`.",)
    ),
    "a comprehension over a coroutine": Mistake(
        FIND + "async def GET(): return [k for k in find()]", ("Write `await find()`.",)
    ),
    "a coroutine as a context": Mistake(
        FIND + "async def GET():\n    with find() as user: return user", ("Write `await find()`.",)
    ),
    "a loop over an async generator": Mistake(
        "async def items(): yield 1\nasync def GET():\n    for item in items(): pass",
        ("Write `async for item in items()`.",),
    ),
    "a list of an async generator": Mistake(
        "async def items(): yield 1\ndef find(): return list(items())\ndef GET(): return find()",
        ("Write `async for item in items()`, in an `async def find`.",),
    ),
    # asyncio
    "asyncio.run in a coroutine": Mistake(
        "import asyncio\n" + FIND + "async def GET(): return asyncio.run(find())", ("Write `await find()`",)
    ),
    "asyncio.run below a coroutine": Mistake(
        "import asyncio\n" + FIND + "def now(): return asyncio.run(find())\nasync def GET(): return now()",
        ("Make `now` an `async def`",),
    ),
    "a lock of another loop": Mistake(
        """
import asyncio
lock = asyncio.Lock()

async def hold():
    await lock.acquire()
    await asyncio.wait([asyncio.ensure_future(lock.acquire())], timeout=0.001)

asyncio.run(hold())

async def GET():
    async with lock: return 1
""",
        ("on another event loop",),
    ),
    "a task of a plain function": Mistake(
        """
import asyncio

async def find(): return 1

def GET():
    coroutine = find()
    try: asyncio.create_task(coroutine)
    finally: coroutine.close()
""",
        ("Write `async def GET`",),
    ),
    "a mistake that was wrapped": Mistake(
        """
def GET(req):
    try:
        return req.query["page"]
    except KeyError as error:
        raise RuntimeError("no page") from error
""",
        ('no `"page"`',),
    ),
}

# What looks like one of the mistakes and is not.
NEAR_MISSES = {
    "a value of one's own": Mistake("def GET(): return 'a'.value"),
    "a context of one's own": Mistake("def GET():\n    context = {}\n    return context['params']"),
    "an option that no cookie has": Mistake("def GET(req, res): res.set_cookie('a', 'b', colour='red')"),
    "a method of the class that is given a response": Mistake(
        "from apiroutes import Response\ndef GET(req, res): return Response.status(res, None)"
    ),
    "a key that JSON cannot have, which the error explains": Mistake("def GET(): return {(1, 2): 3}"),
    "another function called next": Mistake("def next(): return 1\ndef GET(): return next(2)"),
    "a RuntimeError beside Flask": Mistake(
        "import flask\ndef fail(): raise RuntimeError('x')\ndef GET(): return fail()"
    ),
    "a header of one's own dict": Mistake("def GET(req):\n    headers = {}\n    return headers['X-A']"),
    "a wrapped function of one's own": Mistake(
        "def deco(f):\n    def inner(a): return f(a)\n    return inner\n@deco\ndef find(): return 1\n"
        "def GET(): return find(1)"
    ),
    "None of a loop": Mistake("def GET():\n    for user in [None]: return user['a']"),
    "a text that only says it": Mistake(
        "def GET(): raise TypeError(\"'coroutine' object is not subscriptable\")"
    ),
    "another text": Mistake("def GET(): raise TypeError(\"'dict' object is not callable\")"),
    "a KeyError of one's own": Mistake("def GET(): raise KeyError('page')"),
    "a key that another dict lacks": Mistake("def GET():\n    items = {}\n    return items['page']"),
    "a key in a function that is called": Mistake(
        "def read(query): return query['page']\ndef GET(query): return read({})"
    ),
    "a key in a library": Mistake(
        "import string\ndef GET(query): return string.Template('$page').substitute(query)"
    ),
    "a json that is not the request's": Mistake(
        "class Reply:\n    json = {}\ndef GET():\n    request = Reply()\n    return request.json()"
    ),
    "a call inside a method": Mistake(
        "def fail(value):\n    value = {}\n    return value()\n"
        "def GET(req): return req.get_data(as_text=True).join(map(fail, 'a'))"
    ),
    "a TypeError of a handler with two parameters": Mistake(
        "def find(a): return a\ndef GET(req, res): return find(req, res)"
    ),
    "a decorator with wraps": Mistake(
        decorated("def GET(params): return len(params, 1)", wraps="@functools.wraps(function)")
    ),
    "a TypeError inside a decorated handler": Mistake(
        decorated("def GET(req, res): return len(1)"),
    ),
    "an attribute that a dict has not": Mistake("def GET():\n    items = {'a': 1}\n    return items.b"),
    "a misspelled method of a dict": Mistake("def GET():\n    items = {'a': 1}\n    return items.itmes()"),
    "an attribute of another's request": Mistake(
        "class Request: pass\ndef GET():\n    request = Request()\n    return request.query_params"
    ),
    "a name like nothing": Mistake("def GET(): return zzzzzz"),
    "a name in a helper": Mistake("def read(): return body\ndef GET(): return read()"),
    "a NameError of one's own": Mistake("def GET(): raise NameError('request')"),
    "an UnboundLocalError": Mistake("def GET():\n    if 0: os = 1\n    return os"),
    "a module that a package lacks": Mistake("def GET():\n    import json.nothing"),
    "a library that lacks a module": Mistake(
        """
import sys
from pathlib import Path

def GET():
    sys.path.append(str(Path(__file__).parents[2] / "site-packages"))
    import half_installed
""",
        files={"site-packages/half_installed.py": "import yamll"},
    ),
    "a ModuleNotFoundError of one's own": Mistake("def GET(): raise ModuleNotFoundError('yaml')"),
    "a str that is not the body": posted(
        "def POST(body):\n    name = 'a'\n    return name['b']",
        body=b"x",
        headers={"Content-Type": "text/plain"},
    ),
    "a body that is a text of JSON": posted("def POST(body): return body['a']", body=b'"a"', headers=JSON),
    "a body that is null": posted("def POST(body): return body['a']", body=b"null", headers=JSON),
    "bytes of one's own": posted("def POST(): return b'\\xff'.decode()", body=b"x"),
    "a variable that another mapping lacks": Mistake(
        "def GET():\n    environ = {}\n    return environ['A_KEY']"
    ),
    "a list that is added to a number": Mistake("def GET(): return [] + 1"),
    "text that is added to text's length": Mistake("def GET():\n    page = 'a'\n    return page + 1"),
    "json.dumps of an object": Mistake("import json\ndef GET(): return json.dumps(object())"),
    "a RuntimeError of one's own": Mistake("def GET(): raise RuntimeError('no running event loop')"),
    "a ValueError of a status": Mistake("def GET(req, res): res.status(999)"),
    "a text that is no status": Mistake("def GET(req, res): res.status('good')"),
    "a status of another object": Mistake(
        "class Light:\n    def status(self, code): raise TypeError(code)\ndef GET(): Light().status('200')"
    ),
    "an error of the right order": Mistake(
        "from apiroutes import ApiError\ndef GET(): raise ApiError(99, 'x')"
    ),
    "a context that was handled": Mistake(
        "def GET(query):\n    try: query['page']\n    except KeyError: raise RuntimeError('x')"
    ),
    "None that one called": Mistake("def GET():\n    find = None\n    return find()"),
    "a tuple that JSON takes": Mistake("def GET(): return {'a': (1, 201)}", status=200),
    "an attribute that a module has not": Mistake("import datetime\ndef GET(): return datetime.nothing"),
    "an application that fails": Mistake("def app(environ, start): raise TypeError\ndef GET(): return app"),
    "a lookup of one's own": Mistake("def abort(text): raise LookupError(text)\ndef GET(): abort('x')"),
    "a class that one calls wrongly": Mistake(
        "class HTTPException(Exception):\n    def __init__(self): pass\n"
        "def GET(): raise HTTPException(status_code=404)"
    ),
    "a call that may be for its effect": Mistake("def GET():\n    print('x')"),
    "a handler that does nothing": Mistake("def GET(): pass"),
    "a handler of a text alone": Mistake("def GET():\n    'It is to be written.'"),
    "a return in one way": Mistake("def GET(query):\n    if query: return 1"),
    "a division": Mistake("def GET(): return 1 / 0"),
}


def hint_of(root: Path, mistake: Mistake) -> str | None:
    root = project(root, {"pages/api/x.py": mistake.source, **mistake.files})
    app = load_application(root, lambda line: None)
    headers = [*mistake.headers.items(), ("Accept", "application/json")]
    answer = call(app, mistake.method, mistake.target, headers, mistake.body)
    assert answer.status == mistake.status, answer.text
    if answer.status != 500:
        return None
    assert "exception" in answer.json(), answer.text
    hint = answer.json().get("hint")
    assert hint is None or isinstance(hint, str)
    return hint


@pytest.fixture(scope="module")
def hint_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str | None]:
    """Return the hint for a mistake, which is made once."""
    return functools.cache(lambda name: hint_of(tmp_path_factory.mktemp("mistake"), MISTAKES[name]))


@pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited:RuntimeWarning")
@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_gets_its_hint(hint_for: Callable[[str], str | None], name: str) -> None:
    hint = hint_for(name)
    assert hint is not None
    assert [part for part in MISTAKES[name].hint if part not in hint] == [], hint


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_what_only_looks_like_a_mistake_gets_no_hint(tmp_path: Path, name: str) -> None:
    assert hint_of(tmp_path, NEAR_MISSES[name]) is None


@pytest.mark.filterwarnings("ignore:coroutine '.*' was never awaited:RuntimeWarning")
@pytest.mark.parametrize("name", MISTAKES)
def test_a_hint_is_two_sentences_or_so_and_its_code_is_closed(
    hint_for: Callable[[str], str | None], name: str
) -> None:
    hint = hint_for(name) or ""
    assert len(hint) < 330
    assert hint.count("`") % 2 == 0
    assert hint[-1] in ".?"


def test_a_page_shows_the_hint_with_its_code(tmp_path: Path) -> None:
    mistake = MISTAKES["a status as text"]
    app = load_application(project(tmp_path, {"pages/api/x.py": mistake.source}), lambda line: None)
    assert "write <code>res.status(200)</code>" in call(app, HTTP_ACCEPT="text/html").text


def test_a_hint_that_quotes_a_client_is_escaped(tmp_path: Path) -> None:
    source = "def GET(query): return query['page']"
    app = load_application(project(tmp_path, {"pages/api/x.py": source}), lambda line: None)
    answer = call(app, target="/api/x?%3Cimg%3E`%3Ci%3E=1", HTTP_ACCEPT="text/html")
    assert b"<img>" not in answer.body
    assert b"<i>" not in answer.body


def test_an_object_that_raises_when_it_is_looked_at_changes_nothing(tmp_path: Path) -> None:
    source = """
class Odd:
    def __getattr__(self, name): raise RuntimeError(name)

def GET(): return [Odd()]
"""
    app = load_application(project(tmp_path, {"pages/api/x.py": source}), lambda line: None)
    assert call(app, HTTP_ACCEPT="application/json").status == 500


def test_names_that_are_proposed_for_import_are_exported() -> None:
    assert set(EXPORTS) <= set(apiroutes.__all__)


def write_hints(directory: str) -> None:
    """Write the hint of each mistake to stdout, as JSON."""
    logging.disable(logging.CRITICAL)
    named = {**MISTAKES, **NEAR_MISSES}
    hints = [hint_of(Path(directory, str(index)), mistake) for index, mistake in enumerate(named.values())]
    sys.stdout.write(json.dumps(hints) + "\n")


@pytest.mark.costly
def test_a_hint_without_columns_is_the_same_or_none(tmp_path: Path) -> None:
    """Python 3.10 knows the line alone, as later ones do with `-X no_debug_ranges`."""
    program = f"from tests.development.test_hints import write_hints as p; p({str(tmp_path)!r})"
    found = []
    for options in ([], ["-X", "no_debug_ranges"]):
        command = [sys.executable, "-W", "ignore", *options, "-c", program]
        ended = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True)
        found.append(json.loads(ended.stdout.splitlines()[-1]))
    assert [pair for pair in zip(*found) if pair[1] not in (None, pair[0])] == []
    assert sum(hint is not None for hint in found[1]) > len(MISTAKES) / 2
