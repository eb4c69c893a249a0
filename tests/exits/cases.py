"""Handlers with a dependency that has an end, and what comes of the response and of the dependency."""

from __future__ import annotations

from typing import Any, NamedTuple

from apiroutes.errors import ResponseAborted
from tests.support import environ

__all__ = ["CASES", "MIDDLEWARE", "SESSION", "Case", "exchanged"]

# A session that notes in `seen` what happens to it; `fail` of the query makes its commit fail.
SESSION = """
from pathlib import Path
from typing import Annotated
from werkzeug import Response as Werkzeug
from apiroutes import ApiError, Depends, event_stream, file, json, stream

seen = []
FAILURES = {"commit": RuntimeError("no commit"), "conflict": ApiError(409)}

ASYNC def session(request):
    seen.append("open")
    try:
        yield "db"
    except BaseException as error:
        seen.append(type(error).__name__)
        raise
    else:
        seen.append("commit")
        if "fail" in request.query:
            raise FAILURES[request.query["fail"]]
    finally:
        seen.append("close")

DB = Annotated[str, Depends(session)]
EARLY = Annotated[str, Depends(session, scope="function")]

ASYNC def user(db: DB):
    return "user of " + db

def chunks(*parts):
    for part in parts:
        if isinstance(part, BaseException):
            raise part
        seen.append(part)
        yield part

async def async_chunks(*parts):
    for part in parts:
        if isinstance(part, BaseException):
            raise part
        seen.append(part)
        yield part
"""
MIDDLEWARE = {
    "no middleware": "",
    "middleware": "def middleware(req, res, next):\n    return next()\n",
    "async middleware": "async def middleware(req, res, next):\n    return await next()\n",
}


class Case(NamedTuple):
    """A handler's line, the status and content that the client gets, and what the session sees.

    The content "CUT" is a connection that is cut. `reads` bounds the chunks that the client takes.
    """

    line: str
    status: int
    content: str
    seen: str
    method: str = "GET"
    query: str = ""
    parameters: str = "res, db: DB"
    reads: int | None = None


ERROR = "Internal Server Error"
CASES = {
    "a result": Case("return {'db': db}", 200, '{"db":"db"}', "open commit close"),
    "res.json": Case("res.json(db)", 200, '"db"', "open commit close"),
    "a dependency of a dependency": Case(
        "return user",
        200,
        "user of db",
        "open commit close",
        parameters="db: DB, user: Annotated[str, Depends(user)]",
    ),
    "an ApiError": Case("raise ApiError(404)", 404, "Not Found", "open ApiError close"),
    "a fault": Case("raise ValueError", 500, ERROR, "open ValueError close"),
    "SystemExit": Case("raise SystemExit(2)", 500, ERROR, "open SystemExit close"),
    "a response and a fault": Case("res.json(1); raise ValueError", 500, ERROR, "open ValueError close"),
    "two responses": Case("res.json(1); res.json(2)", 500, ERROR, "open ResponseSentError close"),
    "two responses after res.write": Case(
        "res.write('a'); res.end(); res.json(2)", 200, "CUT", "open ResponseSentError close"
    ),
    "no response": Case("pass", 500, ERROR, "open NoResponseError close"),
    "a result that cannot be sent": Case("return object()", 500, ERROR, "open JSONTypeError close"),
    "a refused type": Case("return {}", 422, "", "open InvalidRequest close", parameters="db: DB, page: int"),
    "a failing commit": Case("return 1", 500, ERROR, "open commit close", query="fail=commit"),
    "a failing commit after res.json": Case(
        "res.json(1)", 500, ERROR, "open commit close", query="fail=commit"
    ),
    "a conflict at the commit": Case("return 1", 409, "Conflict", "open commit close", query="fail=conflict"),
    "a stream": Case("return chunks('a', 'b')", 200, "ab", "open a b commit close"),
    "a stream by res.send": Case("res.send(chunks('a', 'b'))", 200, "ab", "open a b commit close"),
    "an async stream": Case("return async_chunks('a', 'b')", 200, "ab", "open a b commit close"),
    "events": Case(
        "return event_stream(async_chunks('a', 'b'))", 200, "data: a\n\ndata: b\n\n", "open a b commit close"
    ),
    "a stream whose commit fails": Case(
        "return chunks('a', 'b')", 200, "CUT", "open a b commit close", query="fail=commit"
    ),
    "an async stream whose commit fails": Case(
        "return async_chunks('a', 'b')", 200, "CUT", "open a b commit close", query="fail=commit"
    ),
    "a stream that fails": Case("return chunks('a', ValueError())", 200, "CUT", "open a ValueError close"),
    "an async stream that fails": Case(
        "return async_chunks('a', ValueError())", 200, "CUT", "open a ValueError close"
    ),
    "a stream that fails at its first chunk": Case(
        "return chunks(ValueError(), 'a')", 500, ERROR, "open ValueError close"
    ),
    "an async stream that fails at its first chunk": Case(
        "return async_chunks(ValueError(), 'a')", 500, ERROR, "open ValueError close"
    ),
    "a stream that is left": Case("return chunks(*'abcd')", 200, "a", "open a GeneratorExit close", reads=1),
    "a stream without chunks": Case("return chunks()", 500, ERROR, "open commit close", query="fail=commit"),
    "an async stream without chunks": Case(
        "return async_chunks()", 500, ERROR, "open commit close", query="fail=commit"
    ),
    "a stream of an announced length": Case(
        "return stream(chunks('a', 'b', 'c'), headers={'Content-Length': '2'})",
        200,
        "ab",
        "open a b commit close",
    ),
    "an async stream of an announced length": Case(
        "return stream(async_chunks('a', 'b', 'c'), headers={'Content-Length': '2'})",
        200,
        "ab",
        "open a b commit close",
    ),
    "a stream of an announced length whose commit fails": Case(
        "return stream(chunks('a', 'b'), headers={'Content-Length': '2'})",
        200,
        "CUT",
        "open a b commit close",
        query="fail=commit",
    ),
    "an async stream of an announced length whose commit fails": Case(
        "return stream(async_chunks('a', 'b'), headers={'Content-Length': '2'})",
        200,
        "CUT",
        "open a b commit close",
        query="fail=commit",
    ),
    "HEAD of a stream": Case("return chunks('a')", 200, "", "open commit close", method="HEAD"),
    "HEAD of a stream whose commit fails": Case(
        "return chunks('a')", 500, "", "open commit close", method="HEAD", query="fail=commit"
    ),
    "a status without content": Case("res.status(204); return chunks('a')", 204, "", "open commit close"),
    "a whole application": Case(
        "return Werkzeug('whole')", 500, ERROR, "open commit close", query="fail=commit"
    ),
    "an application that streams": Case(
        "return Werkzeug(chunks('a', 'b'))", 200, "ab", "open a b commit close"
    ),
    "an application that fails": Case(
        "return Werkzeug(chunks(ValueError()))", 500, ERROR, "open ValueError close"
    ),
    "a file": Case("return file(__file__)", 500, ERROR, "open commit close", query="fail=commit"),
    "an opened file": Case(
        "handle = open(__file__, 'rb'); res.send(handle)",
        200,
        "CUT",
        "open commit close",
        query="fail=commit",
    ),
    "res.write": Case("res.write('a'); res.end()", 200, "CUT", "open commit close", query="fail=commit"),
    "a stream after an early end": Case(
        "return chunks('a', 'b')", 200, "ab", "open commit close a b", parameters="db: EARLY"
    ),
    "an async stream after an early end": Case(
        "return async_chunks('a', 'b')", 200, "ab", "open commit close a b", parameters="db: EARLY"
    ),
    "a stream after an early end that fails": Case(
        "return chunks('a')", 500, ERROR, "open commit close", query="fail=commit", parameters="db: EARLY"
    ),
    "an early end of an application": Case(
        "return Werkzeug(chunks('a', 'b'))", 200, "ab", "open a commit close b", parameters="db: EARLY"
    ),
}


def exchanged(application: Any, case: Case) -> tuple[int, str]:
    """Send a case's request; return the status and the content, "CUT" where the connection was cut."""
    head: list[str] = []
    written: list[bytes] = []

    def start_response(status: str, headers: object, exc_info: object = None) -> Any:
        head[:] = [status]
        return written.append

    iterable: Any = ()
    try:
        iterable = application(environ(case.method, f"/api/x?{case.query}"), start_response)
        for number, chunk in enumerate(iterable, 1):
            written.append(chunk)
            if number == case.reads:
                break
    except ResponseAborted:
        return int((head or ["200"])[0][:3]), "CUT"
    finally:
        if hasattr(iterable, "close"):
            iterable.close()
    return int(head[0][:3]), b"".join(written).decode()
