"""What middleware reads and changes of a response, before and after `next()` (docs/behaviour.md §5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chain_cases import FAULT, OK, Case, app_with, check_case
from tests.support import call

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
        {"Set-Cookie": ["b=2; Path=/; HttpOnly; SameSite=Lax", "a=1; Path=/; HttpOnly; SameSite=Lax"]},
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
        {
            "X-A": ["1"],
            "X-B": ["2"],
            "X-H": [],
            "Set-Cookie": ["a=1; Path=/; HttpOnly; SameSite=Lax", "b=2; Path=/; HttpOnly; SameSite=Lax"],
        },
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
        {
            "X-A": ["1"],
            "X-B": ["2"],
            "Set-Cookie": ["a=1; Path=/; HttpOnly; SameSite=Lax", "b=2; Path=/; HttpOnly; SameSite=Lax"],
        },
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


@pytest.mark.parametrize("kinds", ["s", "a", "sa", "as"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_middleware_reads_and_changes_the_response(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, case: Case, kinds: str
) -> None:
    check_case(tmp_path, caplog, case, kinds)


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
