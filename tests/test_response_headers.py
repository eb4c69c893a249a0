"""Headers and cookies that a handler sets: read back, refused and sent (docs/behaviour.md §6)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import Response
from tests.support import respond

# -- headers

HEADERS: list[tuple[list[str], list[str]]] = [
    (["res.set_header('X-A', '1')"], ["1"]),
    (["res.set_header('X-A', '1')", "res.set_header('x-a', '2')"], ["2"]),
    (["res.set_header('X-A', ['1', '2'])"], ["1", "2"]),
    (["res.set_header('X-A', ['1', '2'])", "res.set_header('X-A', '3')"], ["3"]),
    (["res.append_header('X-A', '1')", "res.append_header('X-a', '2')"], ["1", "2"]),
    (["res.append_header('X-A', ['1', '2', '3'])"], ["1", "2", "3"]),
    (["res.set_header('X-A', 5)"], ["5"]),
    (["res.set_header('X-A', '')"], [""]),
    (["res.set_header('X-A', 'a\\tb')"], ["a\tb"]),
    (["res.set_header('X-A', 'é')"], ["Ã©"]),
    (["res.set_header('X-A', ['1', '2'])", "res.remove_header('x-a')"], []),
    (["res.set_header('X-A', '1').remove_header('x-a')"], []),
    (["res.remove_header('X-A')"], []),
]


@pytest.mark.parametrize(("lines", "values"), HEADERS)
def test_headers_are_sent(tmp_path: Path, lines: list[str], values: list[str]) -> None:
    assert respond(tmp_path, *lines, "res.end()").all("X-A") == values


GOT = [
    (["pass"], None),
    (["res.set_header('X-A', '1')"], "1"),
    (["res.set_header('X-A', 'é')"], "é"),
    (["res.set_header('X-A', ['1', '2'])"], ["1", "2"]),
]


@pytest.mark.parametrize(("lines", "value"), GOT)
def test_a_header_can_be_read_back(tmp_path: Path, lines: list[str], value: Any) -> None:
    assert respond(tmp_path, *lines, "res.json(res.get_header('x-a'))").json() == value


def test_set_cookie_is_read_back_as_a_list(tmp_path: Path) -> None:
    answer = respond(
        tmp_path, "res.set_header('Set-Cookie', 'a=1')", "res.json(res.get_header('set-cookie'))"
    )
    assert answer.json() == ["a=1"]


def test_the_same_cookie_line_is_sent_once(tmp_path: Path) -> None:
    answer = respond(tmp_path, "res.set_header('Set-Cookie', ['a=1', 'a=1', 'b=2'])", "res.end()")
    assert answer.all("Set-Cookie") == ["a=1", "b=2"]


WRONG_HEADERS = [
    "'bad name', 'v'",
    "'', 'v'",
    "'X:', 'v'",
    "'X-A\\r\\nX-B', 'v'",
    "1, 'v'",
    "'X-A', 'a\\r\\nb'",
    "'X-A', 'a\\nb'",
    "'X-A', 'a\\0b'",
    "'X-A', '☃'",
    "'X-A', '\\ud800'",
    "'X-A', None",
    "'X-A', b'x'",
    "'X-A', True",
    "'X-A', {}",
    "'X-A', ['a', None]",
    "'X-A', ['a', 'b\\n']",
    "'Transfer-Encoding', 'chunked'",
    "'connection', 'close'",
]


@pytest.mark.parametrize("arguments", WRONG_HEADERS)
@pytest.mark.parametrize("setter", ["set_header", "append_header"])
def test_an_invalid_header_is_refused_where_it_is_set(tmp_path: Path, setter: str, arguments: str) -> None:
    lines = [
        "try:",
        f"    res.{setter}({arguments})",
        "except (TypeError, ValueError):",
        "    res.send('refused')",
    ]
    assert respond(tmp_path, *lines).body == b"refused"


@given(name=st.text(max_size=5), value=st.text(max_size=5))
@settings(deadline=None)
def test_no_header_makes_a_second_line(name: str, value: str) -> None:
    response = Response()
    try:
        response.set_header(name, value)
    except ValueError:
        return
    sent = "".join(response._headers[name.lower()])
    assert not set(sent) & set("\r\n\0")
    assert sent.encode("latin-1")


# -- cookies

SAFE = "; HttpOnly; SameSite=Lax"
COOKIES = [
    ("'a', '1'", f"a=1; Path=/{SAFE}"),
    ("'a'", f"a=; Path=/{SAFE}"),
    ("'a', 'b c;d\\u2603'", f"a=b%20c%3Bd%E2%98%83; Path=/{SAFE}"),
    ("'a', '1', path=None, httponly=False, samesite=None", "a=1"),
    ("'a', '1', max_age=60", f"a=1; Max-Age=60; Path=/{SAFE}"),
    ("'a', '1', expires=0", f"a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/{SAFE}"),
    ("'a', '1', path='/x', domain='example.com'", f"a=1; Path=/x; Domain=example.com{SAFE}"),
    ("'a', '1', secure=True, httponly=False", "a=1; Path=/; Secure; SameSite=Lax"),
    ("'a', '1', samesite='strict'", "a=1; Path=/; HttpOnly; SameSite=Strict"),
    (
        "'a', '1', samesite='None', secure=True, partitioned=True",
        "a=1; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
    ),
]


@pytest.mark.parametrize(("arguments", "line"), COOKIES)
def test_a_cookie_is_set(tmp_path: Path, arguments: str, line: str) -> None:
    assert respond(tmp_path, f"res.set_cookie({arguments}).end()").all("Set-Cookie") == [line]


def test_cookies_add_up(tmp_path: Path) -> None:
    answer = respond(
        tmp_path, "res.set_cookie('a', '1').set_cookie('b', '2').delete_cookie('c', path='/x').end()"
    )
    assert answer.all("Set-Cookie") == [
        f"a=1; Path=/{SAFE}",
        f"b=2; Path=/{SAFE}",
        f"c=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/x{SAFE}",
    ]


WRONG_COOKIES = [
    "'', '1'",
    "'a b', '1'",
    "'a=b', '1'",
    "'a;b', '1'",
    "1, '1'",
    "'a', '1', path='/x; Domain=evil.com'",
    "'a', '1', path='/x\\r\\nX: 1'",
    "'a', '1', domain='a;b'",
    "'a', '1', samesite='sometimes'",
    "'a', '1', samesite='none'",
    "'a', '1', partitioned=True",
]


@pytest.mark.parametrize("arguments", WRONG_COOKIES)
def test_an_invalid_cookie_is_refused(tmp_path: Path, arguments: str) -> None:
    lines = ["try:", f"    res.set_cookie({arguments})", "except ValueError:", "    res.send('refused')"]
    assert respond(tmp_path, *lines).body == b"refused"


# A cookie without an attribute.
BARE: dict[str, Any] = {"path": None, "httponly": False, "samesite": None}


@given(value=st.text(max_size=10))
@settings(deadline=None)
def test_a_cookie_comes_back_as_it_was_set(value: str) -> None:
    from apiroutes import Request

    try:
        line = Response().set_cookie("a", value, **BARE).get_header("Set-Cookie")
    except UnicodeEncodeError:  # a lone surrogate, which no bytes stand for
        return
    assert isinstance(line, list)
    assert Request({"HTTP_COOKIE": line[0]}).cookies == {"a": value}


# -- every check, on every setter

SPLITS = ["\r\nX: 1", "\r", "\n", "\0", "\r\n\r\n<script>", "\x01", "\x7f", "\x0b", "\x1b[0m"]
SETTERS = [
    "res.set_header('X-A', {!r})",
    "res.append_header('X-A', {!r})",
    "res.set_header('X-A', ['a', {!r}])",
    "res.append_header('X-A', ['a', {!r}])",
    "res.set_header({!r}, 'v')",
    "res.append_header({!r}, 'v')",
    "res.set_cookie({!r}, 'v')",
    "res.set_cookie('a', 'v', path={!r})",
    "res.set_cookie('a', 'v', domain={!r})",
    "res.delete_cookie({!r})",
    "res.delete_cookie('a', path={!r})",
    "res.safe_redirect({!r})",
]


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize("text", SPLITS)
def test_no_setter_accepts_text_that_would_split_the_response(setter: str, text: str) -> None:
    response = Response()
    with pytest.raises(ValueError, match=r"cannot|is no|is not"):
        exec(setter.format(f"/a{text}"), {"res": response})


@pytest.mark.parametrize("setter", SETTERS)
@pytest.mark.parametrize("text", SPLITS)
def test_a_refused_value_is_not_sent(tmp_path: Path, setter: str, text: str) -> None:
    lines = ["try:", f"    {setter.format(f'/a{text}')}", "except ValueError:", "    res.send('ok')"]
    answer = respond(tmp_path, *lines)
    assert {name for name, _ in answer.headers} <= {
        "Content-Type",
        "X-Content-Type-Options",
        "ETag",
        "Content-Length",
        "X-A",
    }
    assert all(value == "a" for value in answer.all("X-A"))


HOP_BY_HOP = [
    "Connection",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "transfer-encoding",
    "UPGRADE",
]


@pytest.mark.parametrize("name", HOP_BY_HOP)
@pytest.mark.parametrize("setter", ["set_header", "append_header"])
def test_hop_by_hop_headers_are_refused(setter: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"is the server's to set.*: leave it out"):
        getattr(Response(), setter)(name, "x")


@pytest.mark.parametrize("name", ["X-A", "x-a", "X_A", "!#$%&'*+.^_`|~", "1", "ETag"])
def test_a_token_is_a_header_name(name: str) -> None:
    assert Response().set_header(name, "1").get_header(name.upper()) == "1"


@pytest.mark.parametrize(
    "name", ["X A", "X\tA", "X(A)", "X/A", "X@A", "X,A", 'X"A', "é", "☃", "X-A ", " X-A"]
)
def test_a_header_name_must_be_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid header name"):
        Response().set_header(name, "1")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (0, "0"),
        (-1, "-1"),
        (1.5, "1.5"),
        (10**20, str(10**20)),
        (("1", "2"), ["1", "2"]),
        ([], None),
        ("  a ", "  a "),
    ],
)
def test_a_header_value_may_be_a_number_or_lines(value: Any, line: Any) -> None:
    assert Response().set_header("X-A", "old").set_header("X-A", value).get_header("X-A") == line


def test_a_refused_value_leaves_the_one_before() -> None:
    response = Response().set_header("X-A", "old")
    with pytest.raises(ValueError, match="cannot have the value"):
        response.set_header("X-A", ["new", "bad\n"])
    assert response.get_header("X-A") == "old"


# -- what enums and middleware make of it

ENUM = "import enum\nclass Mode(str, enum.Enum):\n    DARK = 'dark'\n"
ENUM_LINES = ["res.set_header('X-A', Mode.DARK).end()", "res.set_header('X-A', ['a', Mode.DARK]).end()"]


@pytest.mark.parametrize("line", ENUM_LINES)
def test_a_header_of_an_enum_is_its_text(tmp_path: Path, line: str) -> None:
    value = respond(tmp_path, line, before=ENUM).all("X-A")[-1]
    assert (type(value), f"{value!s}") == (str, "dark")


def test_a_cookie_of_an_enum_is_its_text(tmp_path: Path) -> None:
    answer = respond(tmp_path, "res.set_cookie('a', Mode.DARK).end()", before=ENUM)
    assert answer.all("Set-Cookie") == [f"a=dark; Path=/{SAFE}"]


TYPED = ["res.set_header('Content-Type', 'text/html')", "res.set_header('Content-Type', ['a/b', 'c/d'])"]


def test_a_redirect_keeps_the_type_that_was_set(tmp_path: Path) -> None:
    """As recorded; the location is percent-encoded, so that it is no markup."""
    answer = respond(tmp_path, TYPED[0], "res.redirect('/<b>')")
    assert (answer.all("Content-Type"), answer.body) == (["text/html"], b"/%3Cb%3E")


@pytest.mark.parametrize("line", TYPED)
@pytest.mark.parametrize("accept", ["*/*", "application/json"])
def test_an_error_has_one_type_whatever_middleware_set(tmp_path: Path, accept: str, line: str) -> None:
    before = f"def outer(req, res, next):\n    {line}\n    next()\nmiddleware = [outer]\n"
    answer = respond(tmp_path, "raise RuntimeError", before=before, headers=[("Accept", accept)])
    assert len(answer.all("Content-Type")) == 1
