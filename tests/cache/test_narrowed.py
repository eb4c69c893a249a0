"""What a handler sees of a request that it answers itself: no more than the route declares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cache.route_cases import INTERFACES, KINDS, get_of, routed, said

both = pytest.mark.parametrize("interface", INTERFACES)

SHOWN = (
    "return {'headers': sorted(name.lower() for name in dict(req.headers)), 'cookies': dict(req.cookies), "
    "'query': req.query, 'user': getattr(req, 'user', None), 'context': req.context.get('user')}"
)
MIDDLEWARE = """
def middleware(req, res, next):
    req.user = req.context["user"] = "ada"
    return next()
"""
HEADERS = {"X-A": "a", "Cookie": "a=b", "Accept": "x", "If-None-Match": '"x"'}


@both
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (
            "config = {'cache': {'revalidate': 60, 'query': ['page']}}",
            {"headers": ["accept", "cookie", "host", "if-none-match", "x-a"], "cookies": {"a": "b"}},
        ),
        (
            "config = {'cache': {'revalidate': 60, 'query': ['page'], 'cookies': 'ignore'}}",
            {"headers": ["accept", "host", "if-none-match", "x-a"], "cookies": {}},
        ),
        ("dynamic = 'force-static'", {"headers": ["host"], "cookies": {}, "query": {}}),
    ],
)
def test_a_handler_sees_what_is_declared(
    tmp_path: Path, declared: str, expected: dict[str, Any], kind: str, interface: str
) -> None:
    source = get_of(SHOWN, declared=declared, kind=kind)
    app = routed(tmp_path, source, interface, files={"pages/api/_middleware.py": MIDDLEWARE})
    answer = app.get("/api/x?page=1&secret=2", HEADERS)
    assert "stored" not in str(said(answer))
    assert answer.json() == {"query": {"page": "1"}, "user": "ada", "context": "ada", **expected}


@both
def test_a_refused_header_is_an_error_wherever_it_is_read(tmp_path: Path, interface: str) -> None:
    source = get_of("req.user", "return req.headers.get('X-A')", declared="dynamic = 'error'")
    app = routed(tmp_path, source, interface, files={"pages/api/_middleware.py": MIDDLEWARE})
    assert app.get().status == 500


@both
@pytest.mark.parametrize("kind", KINDS)
def test_the_content_is_the_handlers(tmp_path: Path, kind: str, interface: str) -> None:
    declared = "config = {'cache': {'revalidate': 60, 'query': ['page'], 'cookies': 'ignore'}}"
    source = get_of("return [req.body, req.query]", declared=declared, kind=kind)
    app = routed(tmp_path, source, interface)
    answer = app.get("/api/x?page=1&a=2", {"Content-Type": "application/json"}, body=b'{"a": 1}')
    assert answer.json() == [{"a": 1}, {"page": "1"}]


@both
def test_files_of_a_form_are_the_handlers_until_the_end(tmp_path: Path, interface: str) -> None:
    declared = "config = {'cache': {'revalidate': 60, 'query': []}}"
    source = get_of(
        "file = req.files['f']", "return [file.filename, file.read().decode()]", declared=declared
    )
    app = routed(tmp_path, source, interface)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\n' + b"content\r\n--x--\r\n"
    )
    answer = app.get("/api/x?a=1", {"Content-Type": "multipart/form-data; boundary=x"}, body=body)
    assert answer.json() == ["a.txt", "content"]


def test_other_methods_see_the_whole_request(tmp_path: Path) -> None:
    declared = "config = {'cache': {'revalidate': 60, 'query': [], 'cookies': 'ignore'}}"
    source = get_of(declared=declared) + "def POST(req): return [req.query, dict(req.cookies)]\n"
    app = routed(tmp_path, source)
    assert app.get("/api/x?a=1", {"Cookie": "b=c"}, "POST").json() == [{"a": "1"}, {"b": "c"}]
