"""What a handler sees of a request (the contract's third chapter)."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import werkzeug
from hypothesis import given
from hypothesis import strategies as st

from apiroutes import Request
from apiroutes.body import parse_urlencoded
from apiroutes.cookies import parse_cookies
from tests.support import Extra, app_of, call, environ

ENVIRONS = {
    "plain": environ("GET", "/api/x?a=1&b=%20&a=2"),
    "mounted": environ("POST", "/x", SCRIPT_NAME="/v1/", PATH_INFO="/caf\xc3\xa9"),
    "https": environ(**Extra({"wsgi.url_scheme": "https", "HTTP_HOST": "example.com:8443"})),
    "headers": environ(
        headers=[
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Accept", "text/html;q=0.5, application/json"),
            ("Authorization", "Basic YTpi"),
            ("Range", "bytes=0-1"),
            ("X-Custom", "1"),
        ]
    ),
    "no host": environ(HTTP_HOST=None, SERVER_PORT="8000"),
    "odd port": environ(HTTP_HOST=None, SERVER_PORT="x"),
    "no client": environ(REMOTE_ADDR=None, QUERY_STRING=""),
    "no server": environ(SERVER_NAME=None, SERVER_PORT=None),
}
ATTRIBUTES = [
    "method",
    "scheme",
    "server",
    "root_path",
    "path",
    "full_path",
    "query_string",
    "headers",
    "remote_addr",
    "url",
    "base_url",
    "host",
    "args",
    "mimetype",
    "mimetype_params",
    "accept_mimetypes",
    "authorization",
    "range",
    "is_secure",
    "content_length",
    "access_route",
    "user_agent",
    "shallow",
]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("made", ENVIRONS.values(), ids=ENVIRONS)
def test_what_werkzeug_has_is_there(made: dict[str, Any], attribute: str) -> None:
    ours, theirs = Request(made), werkzeug.Request(made.copy())
    assert str(getattr(ours, attribute)) == str(getattr(theirs, attribute))


def test_an_attribute_that_is_none_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'Request' object has no attribute 'nothing'"):
        _ = Request(environ()).nothing


QUERIES: list[tuple[str, Any]] = [
    ("", {}),
    ("a=1", {"a": "1"}),
    ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
    ("a&b=&=c", {"a": "", "b": "", "": "c"}),
    ("a=1;b=2", {"a": "1;b=2"}),
    ("a+b=c+d", {"a b": "c d"}),
    ("a=%2B", {"a": "+"}),
    ("a[]=1&a[]=2", {"a[]": ["1", "2"]}),
    ("a=%E0%A4%A", {"a": "\ufffd%A"}),
    ("a=%ED%A0%80", {"a": "\ufffd\ufffd\ufffd"}),
    ("a=☃", {"a": "☃"}),
    ("a=\xff", {"a": "ÿ"}),
    ("__proto__=1", {"__proto__": "1"}),
    ("id=q", {"id": "q"}),
]


@pytest.mark.parametrize(("text", "query"), QUERIES)
def test_a_query_string_is_read(text: str, query: Any) -> None:
    assert Request(environ(target=f"/api/x?{text}")).query == query


def test_bytes_of_a_query_that_are_no_utf8_are_replaced() -> None:
    assert Request(environ(QUERY_STRING="a=\xff")).query == {"a": "\ufffd"}


def test_path_parameters_win_over_the_query(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.json([req.query, req.params])\n", "[id].py")
    assert call(app, target="/api/p?id=q&x=1").json() == [{"id": "p", "x": "1"}, {"id": "p"}]


def test_params_belong_to_one_request(tmp_path: Path) -> None:
    source = (
        "def handler(req, res):\n"
        "    req.params['n'] = req.params.get('n', '') + 'x'\n"
        "    res.json(req.params)\n"
    )
    app = app_of(tmp_path, source)
    assert [call(app).json(), call(app).json()] == [{"n": "x"}, {"n": "x"}]


@pytest.mark.parametrize("name", ["query", "params", "cookies", "body", "context"])
def test_a_part_can_be_assigned(tmp_path: Path, name: str) -> None:
    app = app_of(tmp_path, f"def handler(req, res):\n    req.{name} = {{'a': 1}}\n    res.json(req.{name})\n")
    assert call(app, "POST", body=b"x").json() == {"a": 1}


COOKIES: list[tuple[str | None, dict[str, str]]] = [
    (None, {}),
    ("", {}),
    ("a=1; b=2", {"a": "1", "b": "2"}),
    ("a=1;a=2", {"a": "1"}),
    ("a", {}),
    ("=v", {"": "v"}),
    (' a = "b" ', {"a": "b"}),
    ("a=%E2%98%83", {"a": "☃"}),
    ("a=%ZZ%20", {"a": "%ZZ%20"}),
    ("a=%FF", {"a": "%FF"}),
    ("a=b+c=d", {"a": "b+c=d"}),
]


@pytest.mark.parametrize(("header", "cookies"), COOKIES)
def test_cookies_are_read(header: str | None, cookies: dict[str, str]) -> None:
    assert Request(environ(HTTP_COOKIE=header)).cookies == cookies


@given(st.text())
def test_any_cookie_header_is_read(header: str) -> None:
    assert all(isinstance(value, str) for value in parse_cookies(header).values())


def naive_urlencoded(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        found.setdefault(name.replace("+", " "), []).append(value.replace("+", " "))
    return found


@given(st.text(alphabet="ab=&+é"))
def test_urlencoded_agrees_with_a_naive_reading(text: str) -> None:
    read = parse_urlencoded(text)
    assert {name: value if isinstance(value, list) else [value] for name, value in read.items()} == (
        naive_urlencoded(text)
    )


# -- one body, whichever way it is asked for

ASKED = {
    "raw_body": "req.raw_body.decode('latin-1')",
    "get_data": "req.get_data(as_text=True)",
    "data": "req.data.decode()",
    "get_json": "req.get_json()",
    "json": "req.json",
    "forced": "req.get_json(force=True)",
    "form": "dict(req.form)",
    "values": "dict(req.values)",
}
ANSWERS: list[tuple[str, str, bytes, Any]] = [
    *[("application/json", way, b'{"a": 1}', {"a": 1}) for way in ("get_json", "json", "forced")],
    *[("application/json", way, b'{"a": 1}', '{"a": 1}') for way in ("raw_body", "get_data", "data")],
    ("application/json; charset=utf-16le", "get_json", '"é"'.encode("utf-16-le"), "é"),
    ("text/plain", "forced", b"[1]", [1]),
    *[("application/x-www-form-urlencoded", way, b"a=1", {"a": "1"}) for way in ("form", "values")],
    *[("application/x-www-form-urlencoded", way, b"a=1", "a=1") for way in ("raw_body", "get_data")],
    ("application/x-www-form-urlencoded", "data", b"a=1", ""),
    ("text/plain", "form", b"a=1", {}),
    ("application/json", "raw_body", b"", ""),
]
PARSING = {"on": "", "off": 'config = {"api": {"bodyParser": False}}\n'}


@pytest.mark.parametrize(("content_type", "way", "body", "value"), ANSWERS)
@pytest.mark.parametrize("parsing", PARSING)
@pytest.mark.parametrize("first", ["raw_body", "get_data", None])
def test_every_way_sees_the_same_body(
    tmp_path: Path, parsing: str, first: str | None, content_type: str, way: str, body: bytes, value: Any
) -> None:
    lines = [ASKED[first]] if first else []
    source = "\n    ".join([f"{PARSING[parsing]}def handler(req, res):", *lines, f"res.json({ASKED[way]})"])
    answer = call(app_of(tmp_path, source), "POST", headers=[("Content-Type", content_type)], body=body)
    assert (answer.status, answer.json()) == (200, value)


FORM = b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'
CATCH = """
def handler(req, res):
    try:
        {}
    except RuntimeError as error:
        res.send(str(error))
"""
MULTIPART = [("Content-Type", "multipart/form-data; boundary=X")]


@pytest.mark.parametrize("parsing", PARSING)
def test_a_multipart_form_has_werkzeugs_form(tmp_path: Path, parsing: str) -> None:
    app = app_of(tmp_path, f"{PARSING[parsing]}def handler(req, res):\n    res.json(dict(req.form))\n")
    assert call(app, "POST", headers=MULTIPART, body=FORM).json() == {"a": "1"}


def test_a_parsed_multipart_body_is_not_kept(tmp_path: Path) -> None:
    source = CATCH.format("req.raw_body")
    answer = call(app_of(tmp_path, source), "POST", headers=MULTIPART, body=FORM)
    assert b'config = {"api": {"bodyParser": False}}' in answer.body


def test_a_raw_multipart_body_is_kept_with_parsing_off(tmp_path: Path) -> None:
    app = app_of(tmp_path, f"{PARSING['off']}def handler(req, res):\n    res.send(req.raw_body)\n")
    assert call(app, "POST", headers=MULTIPART, body=FORM).body == FORM


@pytest.mark.parametrize("way", ["raw_body", "form"])
def test_a_stream_that_is_being_read_is_not_read_again(tmp_path: Path, way: str) -> None:
    source = PARSING["off"] + CATCH.format(f"req.stream.read(1), req.{way}")
    answer = call(app_of(tmp_path, source), "POST", headers=MULTIPART, body=FORM)
    assert answer.body == b"the body is being read from req.stream already"


def test_the_stream_of_a_parsed_body_is_empty(tmp_path: Path) -> None:
    app = app_of(tmp_path, "def handler(req, res):\n    res.send(req.stream.read())\n")
    assert call(app, "POST", body=b"abc").body == b""


JSON_ERRORS = [
    ("text/plain", b"{}", "", 415),
    ("text/plain", b"{}", "silent=True", 200),
    ("text/plain", b"{", "force=True", 400),
    ("text/plain", b"{", "force=True, silent=True", 200),
    ("application/json", b"{", "", 400),
    ("application/json", b"{", "silent=True", 200),
]


@pytest.mark.parametrize(("content_type", "body", "arguments", "status"), JSON_ERRORS)
def test_get_json_fails_as_werkzeugs_does(
    tmp_path: Path, content_type: str, body: bytes, arguments: str, status: int
) -> None:
    app = app_of(
        tmp_path, f"{PARSING['off']}def handler(req, res):\n    res.json(req.get_json({arguments}))\n"
    )
    answer = call(app, "POST", headers=[("Content-Type", content_type)], body=body)
    assert (answer.status, answer.body if status == 200 else b"null") == (status, b"null")


def test_a_request_needs_nothing_but_an_environ() -> None:
    request = Request({"wsgi.input": io.BytesIO(b"")})
    assert (request.method, request.path, request.query, request.body) == ("GET", "/", {}, None)
