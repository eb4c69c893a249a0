"""Exceptions on their way through middleware and responses that are cut off (docs/behaviour.md §5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import App
from apiroutes.errors import ResponseAborted
from tests.chain_cases import FAULT, OK, Case, app_with, check_case
from tests.support import call, project

CASES: dict[str, Case] = {
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
            "Set-Cookie": ["f=1; Path=/; HttpOnly; SameSite=Lax"],
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
}


@pytest.mark.parametrize("kinds", ["s", "a", "sa", "as"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_an_exception_travels_outward_until_it_is_caught(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, case: Case, kinds: str
) -> None:
    check_case(tmp_path, caplog, case, kinds)


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
def test_a_response_that_cannot_be_finished_is_cut_off_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, steps: list[str], handler: str, kinds: str
) -> None:
    with pytest.raises(ResponseAborted):
        call(app_with(tmp_path, steps, handler, kinds))
    assert [record.levelname for record in caplog.records if record.exc_info] == ["ERROR"]


@pytest.mark.parametrize("handler", ["res.write('abc'); res.end('d')", "return iter(['ab', 'cd'])"])
def test_bytes_beyond_the_content_length_are_not_sent(tmp_path: Path, handler: str) -> None:
    app = app_with(tmp_path, ["next()"], f"res.set_header('Content-Length', 3); {handler}")
    assert call(app).body == b"abc"


def test_a_response_in_memory_is_never_cut_off(tmp_path: Path) -> None:
    app = app_with(
        tmp_path, ["next(); raise RuntimeError"], "res.set_header('Content-Length', 9); res.end('a')"
    )
    assert call(app).status == 500


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
def test_every_step_outside_sees_an_exception_raised_inside(
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
