"""What middleware returns instead of calling `next()`, or after it (docs/behaviour.md §5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chain_cases import FAULT, OK, Case, app_with, check_case
from tests.support import call

CASES: dict[str, Case] = {
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
}


@pytest.mark.parametrize("kinds", ["s", "a", "sa", "as"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_result_of_middleware_is_the_response(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, case: Case, kinds: str
) -> None:
    check_case(tmp_path, caplog, case, kinds)


# -- None is an answer in one case


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("kinds", ["s", "a"])
@pytest.mark.parametrize("steps", [[], ["next()"]])
def test_a_bodyless_status_alone_is_a_response(
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
