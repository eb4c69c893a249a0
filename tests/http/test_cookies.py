"""Cookies, read and written, none of whose parts breaks out of its attribute."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App, Request, Response
from apiroutes.http import find_cookie, parse_cookies
from tests.support import app_of, call

SHOW = "def handler(req, res):\n    res.json(req.cookies)\n"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return app_of(tmp_path_factory.mktemp("cookies"), SHOW)


READ: list[tuple[str, dict[str, str]]] = [
    (";;;", {}),
    ("a=", {"a": ""}),
    ("a==b", {"a": "=b"}),
    ("a=1;;b=2;", {"a": "1", "b": "2"}),
    ("a = 1 ;\tb=2", {"a": "1", "b": "2"}),
    ('a="', {"a": ""}),
    ('a="b', {"a": ""}),
    ('a=b"', {"a": 'b"'}),
    ('a="%22"', {"a": '"'}),
    ("a=1, b=2", {"a": "1, b=2"}),
    ("$Version=1; a=1", {"$Version": "1", "a": "1"}),
    ("a=%", {"a": "%"}),
    ("a=%2", {"a": "%2"}),
    ("a=%25", {"a": "%"}),
    ("a=%2525", {"a": "%25"}),
    ("a=%00", {"a": "\0"}),
    ("a=%ED%A0%80", {"a": "%ED%A0%80"}),
    ("%61=1", {"%61": "1"}),
    ("A=1; a=2", {"A": "1", "a": "2"}),
    ("__proto__=1; a=2", {"__proto__": "1", "a": "2"}),
]


@pytest.mark.parametrize(("header", "cookies"), READ)
def test_a_cookie_header_is_read(app: App, header: str, cookies: dict[str, str]) -> None:
    assert call(app, headers=[("Cookie", header)]).json() == cookies


def naive(header: str) -> dict[str, str]:
    """Do what the `cookie` package does, step by step."""
    cookies: dict[str, str] = {}
    for pair in header.split(";"):
        if "=" not in pair:
            continue
        name, value = (part.strip() for part in pair.split("=", 1))
        if value[:1] == '"':
            value = value[1:-1]
        if re.fullmatch("(?:[^%]|%[0-9A-Fa-f]{2})*", value, re.DOTALL):
            with contextlib.suppress(UnicodeDecodeError):
                value = unquote(value, errors="strict")
        cookies.setdefault(name, value)
    return cookies


@given(st.text(alphabet='ab=; "%2CFé\xff\t'))
@settings(deadline=None)
def test_cookies_are_read_as_the_cookie_package_reads_them(header: str) -> None:
    assert Request({"HTTP_COOKIE": header}).cookies == naive(header)


# -- set

INSTANT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
WRITTEN: list[tuple[dict[str, Any], str]] = [
    ({"expires": INSTANT}, "a=1; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Path=/"),
    ({"expires": INSTANT.timestamp()}, "a=1; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Path=/"),
    ({"max_age": 0}, "a=1; Max-Age=0; Path=/"),
    ({"max_age": -1}, "a=1; Max-Age=-1; Path=/"),
    ({"path": ""}, "a=1; Path="),
    ({"path": "/a b"}, "a=1; Path=/a b"),
    ({"samesite": "STRICT"}, "a=1; Path=/; SameSite=Strict"),
    ({"samesite": "none", "secure": True}, "a=1; Path=/; Secure; SameSite=None"),
    ({"httponly": True}, "a=1; Path=/; HttpOnly"),
    ({"secure": True, "partitioned": True}, "a=1; Path=/; Secure; Partitioned"),
]


@pytest.mark.parametrize(("arguments", "line"), WRITTEN)
def test_a_cookie_has_its_attributes(arguments: dict[str, Any], line: str) -> None:
    assert Response().set_cookie("a", "1", **arguments).get_header("Set-Cookie") == [line]


BREAKS = ["\r\nX: 1", "\n", "\0", "; Domain=evil.example", ";", "\x7f", "é", "\x1f"]


@pytest.mark.parametrize("text", BREAKS)
@pytest.mark.parametrize("part", ["path", "domain", "samesite"])
def test_an_attribute_cannot_hold_a_character_that_ends_it(part: str, text: str) -> None:
    arguments: dict[str, Any] = {part: f"lax{text}"}
    with pytest.raises(ValueError, match=r"cannot be a cookie's|is not 'Strict'"):
        Response().set_cookie("a", "1", **arguments)


@pytest.mark.parametrize("text", [*BREAKS, " ", "=", ",", '"', "\\"])
def test_a_name_cannot_hold_a_character_that_ends_it(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid cookie name"):
        Response().set_cookie(f"a{text}", "1")


@pytest.mark.parametrize("text", [*BREAKS, '"', ",", "\\", " ", "%"])
def test_a_character_that_would_end_a_value_is_encoded(text: str) -> None:
    line = Response().set_cookie("a", f"x{text}y", path=None).get_header("Set-Cookie")
    assert isinstance(line, list)
    assert re.fullmatch(r"a=x(%[0-9A-F]{2}|[A-Za-z0-9.=:-])+y", line[0])


WRONG: list[dict[str, Any]] = [
    {"value": 5},
    {"value": None},
    {"value": b"x"},
    {"samesite": True},
    {"max_age": "1; Domain=evil.example"},
    {"max_age": float("inf")},
    {"max_age": float("nan")},
    {"expires": "Wed, 02 Jan 2030 03:04:05 GMT; Domain=evil.example"},
    {"expires": float("nan")},
    {"path": 5},
    {"path": b"/"},
    {"domain": b"a"},
]


@pytest.mark.parametrize("arguments", WRONG, ids=repr)
def test_an_attribute_of_another_kind_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Response().set_cookie("a", **arguments)


@pytest.mark.parametrize("expires", [10**20, -(10**20), float("inf")])
def test_a_time_outside_the_calendar_is_refused(expires: float) -> None:
    with pytest.raises((TypeError, ValueError)):
        Response().set_cookie("a", expires=expires)


def test_a_cookie_that_was_refused_leaves_no_line() -> None:
    response = Response().set_cookie("a", "1")
    with pytest.raises(ValueError, match="cannot be a cookie's path"):
        response.set_cookie("b", "1", path=";")
    assert response.get_header("Set-Cookie") == ["a=1; Path=/"]


def test_cookies_of_one_name_and_two_paths_are_both_sent(tmp_path: Path) -> None:
    source = (
        "def handler(req, res):\n    res.set_cookie('a', '1').set_cookie('a', '2', path='/x').send('ok')\n"
    )
    assert call(app_of(tmp_path, source)).all("Set-Cookie") == ["a=1; Path=/", "a=2; Path=/x"]


@given(
    name=st.text(max_size=4),
    value=st.text(max_size=6),
    path=st.text(max_size=6),
    domain=st.text(max_size=6),
    samesite=st.sampled_from(["lax", "strict"]) | st.text(max_size=4),
)
@settings(deadline=None)
def test_no_part_of_a_cookie_makes_another(
    name: str, value: str, path: str, domain: str, samesite: str
) -> None:
    response = Response()
    try:
        response.set_cookie(name, value, path=path, domain=domain, samesite=samesite)
    except ValueError:
        return
    lines = response.get_header("Set-Cookie")
    assert isinstance(lines, list)
    (line,) = lines
    parts = line.split("; ")
    assert [part.partition("=")[0] for part in parts] == [name, "Path", "Domain", "SameSite"]
    assert line.isascii()
    assert line.isprintable()


# -- one cookie of many


@pytest.mark.parametrize(
    "header",
    [
        "",
        "a",
        "a=",
        "a=1",
        "a=1; a=2",
        "b=1; a=2",
        "aa=1; a=2",
        "ba=1; a=2",
        "a ; a=2",
        "a b=1; a=2",
        " a =1",
        ";;a=1;",
        "b=a=1; a=2",
        "b=a; a=2",
        "a;a=1",
        "a a a a=1; a=2",
        'a="x"; a=y',
        "a=%41; a=2",
        "\ta\t=\t1\t",
        "xa; a=1",
        "a=1;b",
        "=a; a=1",
        "A=1; a=2",
    ],
)
def test_one_cookie_is_found_as_among_all(header: str) -> None:
    assert find_cookie(header, "a") == parse_cookies(header).get("a")


@given(st.text('ab=; \t"%1é', max_size=30))
@settings(max_examples=300)
def test_any_header_has_the_same_cookie_alone_as_among_all(header: str) -> None:
    assert find_cookie(header, "a") == parse_cookies(header).get("a")
