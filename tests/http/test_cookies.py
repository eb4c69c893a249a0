"""Cookies, read and written, none of whose parts breaks out of its attribute."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import App, Request, Response
from apiroutes.http import find_cookie, parse_cookies
from tests.support import Extra, app_of, call, project

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
    ("a==%3D%3d=3D%0A=", {"a": "===\x3d3D\n="}),
    ("a=x_y%20%5C\\n", {"a": "x_y \\\\n"}),
    ("a=" + "%41" * 2700, {"a": "A" * 2700}),
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


@given(st.text(alphabet='ab=; "%2CF3D_\\é\xff\t'))
@settings(deadline=None)
def test_cookies_are_read_as_the_cookie_package_reads_them(header: str) -> None:
    assert Request({"HTTP_COOKIE": header}).cookies == naive(header)


# -- set

INSTANT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
DEFAULTS = "; HttpOnly; SameSite=Lax"
WRITTEN: list[tuple[dict[str, Any], str]] = [
    ({}, "a=1; Path=/; HttpOnly; SameSite=Lax"),
    ({"expires": INSTANT}, f"a=1; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Path=/{DEFAULTS}"),
    ({"expires": INSTANT.timestamp()}, f"a=1; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Path=/{DEFAULTS}"),
    ({"max_age": 0}, f"a=1; Max-Age=0; Path=/{DEFAULTS}"),
    ({"max_age": -1}, f"a=1; Max-Age=-1; Path=/{DEFAULTS}"),
    ({"max_age": timedelta(minutes=2)}, f"a=1; Max-Age=120; Path=/{DEFAULTS}"),
    ({"path": ""}, f"a=1; Path={DEFAULTS}"),
    ({"path": "/a b"}, f"a=1; Path=/a b{DEFAULTS}"),
    ({"samesite": "STRICT"}, "a=1; Path=/; HttpOnly; SameSite=Strict"),
    ({"samesite": None}, "a=1; Path=/; HttpOnly"),
    ({"samesite": "none", "secure": True}, "a=1; Path=/; Secure; HttpOnly; SameSite=None"),
    ({"httponly": False}, "a=1; Path=/; SameSite=Lax"),
    ({"httponly": False, "samesite": None}, "a=1; Path=/"),
    ({"secure": True}, f"a=1; Path=/; Secure{DEFAULTS}"),
    ({"secure": True, "partitioned": True}, f"a=1; Path=/; Secure{DEFAULTS}; Partitioned"),
]


@pytest.mark.parametrize(("arguments", "line"), WRITTEN)
def test_a_cookie_has_its_attributes(arguments: dict[str, Any], line: str) -> None:
    assert Response().set_cookie("a", "1", **arguments).get_header("Set-Cookie") == [line]


# -- secure by default, where the request came by https

BY_SCHEME: list[tuple[str, str, str]] = [
    ("https", "res.set_cookie('a', '1')", f"a=1; Path=/; Secure{DEFAULTS}"),
    ("http", "res.set_cookie('a', '1')", f"a=1; Path=/{DEFAULTS}"),
    ("https", "res.set_cookie('a', '1', secure=False)", f"a=1; Path=/{DEFAULTS}"),
    ("http", "res.set_cookie('a', '1', secure=True)", f"a=1; Path=/; Secure{DEFAULTS}"),
    ("https", "res.set_cookie('a', '1', samesite='None')", "a=1; Path=/; Secure; HttpOnly; SameSite=None"),
    ("https", "res.set_cookie('a', '1', partitioned=True)", f"a=1; Path=/; Secure{DEFAULTS}; Partitioned"),
    ("https", "res.set_cookie('__Host-a', '1')", f"__Host-a=1; Path=/; Secure{DEFAULTS}"),
]


@pytest.mark.parametrize(("scheme", "code", "line"), BY_SCHEME)
def test_a_cookie_is_secure_if_the_request_came_by_https(
    tmp_path: Path, scheme: str, code: str, line: str
) -> None:
    app = app_of(tmp_path, f"def GET(req, res):\n    {code}.end()\n")
    assert call(app, **Extra({"wsgi.url_scheme": scheme})).all("Set-Cookie") == [line]


def test_the_scheme_that_a_proxy_tells_counts(tmp_path: Path) -> None:
    files = {
        "middleware.py": "from apiroutes.middleware import proxy_fix\nmiddleware = [proxy_fix()]\n",
        "pages/api/x.py": "def GET(res): res.set_cookie('a', '1').end()\n",
    }
    app = App(project(tmp_path, files))
    schemes = ["http", "https"]
    lines = [call(app, headers=[("X-Forwarded-Proto", scheme)]).all("Set-Cookie") for scheme in schemes]
    assert lines == [[f"a=1; Path=/{DEFAULTS}"], [f"a=1; Path=/; Secure{DEFAULTS}"]]


# -- what browsers refuse

# Arguments, what the message says is wrong, and its remedy.
REFUSED_BY_BROWSERS: list[tuple[str, dict[str, Any], str, str]] = [
    ("a", {"samesite": "None"}, "a cookie with SameSite=None must be secure", "write `secure=True`"),
    ("a", {"samesite": "None", "secure": False}, "SameSite=None must be secure", "write `secure=True`"),
    ("a", {"partitioned": True}, "a partitioned cookie must be secure", "proxy_fix"),
    ("__Secure-a", {}, "begins with __Secure-, must be secure", "proxy_fix"),
    ("__Secure-a", {"secure": False}, "must be secure", "write `secure=True`"),
    ("__SECURE-a", {}, "must be secure", "write `secure=True`"),
    ("__Host-a", {}, "begins with __Host-, must be secure", "write `secure=True`"),
    ("__hOST-a", {}, "must be secure", "write `secure=True`"),
    ("__Host-a", {"secure": True, "path": "/x"}, "for the whole host", "remove `path` and `domain`"),
    ("__Host-a", {"secure": True, "path": None}, "for the whole host", "remove `path` and `domain`"),
    ("__host-a", {"secure": True, "path": ""}, "for the whole host", "begin its name with __Secure-"),
    (
        "__Host-a",
        {"secure": True, "domain": "a.example"},
        "for the whole host",
        "remove `path` and `domain`",
    ),
    ("__Host-", {"secure": True, "domain": ""}, "for the whole host", "remove `path` and `domain`"),
    ("__Http-a", {}, "begins with __Http-, must be secure", "write `secure=True`"),
    ("__http-a", {"secure": True, "httponly": False}, "must be HttpOnly", "remove `httponly=False`"),
    ("__Host-Http-a", {}, "begins with __Host-Http-, must be secure", "write `secure=True`"),
    ("__HOST-HTTP-a", {"secure": True, "httponly": False}, "must be HttpOnly", "remove `httponly=False`"),
    ("__Host-Http-a", {"secure": True, "path": "/x"}, "for the whole host", "begin its name with __Http-"),
    (
        "a" * 64,
        {"value": "x" * 4033},
        "has 4097 bytes with its name, but browsers accept 4096",
        "on the server",
    ),
    ("a", {"value": "é" * 683}, "has 4099 bytes", "keep the value on the server"),
    ("a", {"path": "/" + "x" * 1024}, "path has 1025 bytes", "ignore one of more than 1024"),
    ("a", {"domain": "x" * 1025}, "domain has 1025 bytes", "ignore one of more than 1024"),
    ("a", {"max_age": 10**1024}, "more digits than browsers read", ""),
]


@pytest.mark.parametrize(("name", "arguments", "wrong", "remedy"), REFUSED_BY_BROWSERS)
def test_what_browsers_refuse_is_an_error_with_a_remedy(
    name: str, arguments: dict[str, Any], wrong: str, remedy: str
) -> None:
    response = Response()
    with pytest.raises(ValueError, match=re.escape(wrong)) as caught:
        response.set_cookie(name, **arguments)
    assert remedy in str(caught.value)
    assert response.get_header("Set-Cookie") is None


# What browsers take, to the byte.
TAKEN: list[tuple[str, dict[str, Any]]] = [
    ("__Secure-a", {"secure": True, "domain": "a.example", "path": "/x", "httponly": False}),
    ("__Host-a", {"secure": True, "httponly": False}),
    ("__Http-a", {"secure": True, "domain": "a.example", "path": "/x"}),
    ("__Host-Http-a", {"secure": True}),
    ("__Hosts-a", {"path": "/x"}),
    ("_Host-a", {}),
    ("a__Host-", {}),
    ("a" * 64, {"value": "x" * 4032}),
    ("a", {"value": "é" * 682}),
    ("a", {"path": "/" + "x" * 1023}),
]


@pytest.mark.parametrize(("name", "arguments"), TAKEN)
def test_what_browsers_take_is_set(name: str, arguments: dict[str, Any]) -> None:
    assert Response().set_cookie(name, **arguments).get_header("Set-Cookie")


# -- deleted

GONE = "Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
DELETED: list[tuple[str, str, str]] = [
    ("http", "res.delete_cookie('a')", f"a=; {GONE}; Path=/{DEFAULTS}"),
    ("https", "res.delete_cookie('a')", f"a=; {GONE}; Path=/; Secure{DEFAULTS}"),
    ("http", "res.delete_cookie('__Host-a')", f"__Host-a=; {GONE}; Path=/; Secure{DEFAULTS}"),
    ("http", "res.delete_cookie('__secure-a')", f"__secure-a=; {GONE}; Path=/; Secure{DEFAULTS}"),
    ("http", "res.delete_cookie('__Http-a')", f"__Http-a=; {GONE}; Path=/; Secure{DEFAULTS}"),
    (
        "http",
        "res.delete_cookie('__Secure-a', path='/x', domain='a.example')",
        f"__Secure-a=; {GONE}; Path=/x; Domain=a.example; Secure{DEFAULTS}",
    ),
    (
        "https",  # from another site, browsers take a deletion with SameSite=None alone
        "res.delete_cookie('a', samesite='None', partitioned=True)",
        f"a=; {GONE}; Path=/; Secure; HttpOnly; SameSite=None; Partitioned",
    ),
]


@pytest.mark.parametrize(("scheme", "code", "line"), DELETED)
def test_a_cookie_is_deleted_with_what_it_was_set_with(
    tmp_path: Path, scheme: str, code: str, line: str
) -> None:
    app = app_of(tmp_path, f"def GET(req, res):\n    {code}.end()\n")
    assert call(app, **Extra({"wsgi.url_scheme": scheme})).all("Set-Cookie") == [line]


WRONG_DELETIONS: list[dict[str, Any]] = [
    {"name": 5},
    {"name": "a b"},
    {"name": "__Host-a", "path": "/x"},
    {"name": "__Secure-a", "secure": False},
    {"name": "a", "samesite": "None"},
]


@pytest.mark.parametrize("arguments", WRONG_DELETIONS, ids=repr)
def test_a_deletion_that_browsers_would_refuse_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cookie"):
        Response().delete_cookie(**arguments)


# -- no part breaks out

# No attribute at all.
BARE: dict[str, Any] = {"path": None, "httponly": False, "samesite": None}
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
    line = Response().set_cookie("a", f"x{text}y", **BARE).get_header("Set-Cookie")
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
    assert response.get_header("Set-Cookie") == [f"a=1; Path=/{DEFAULTS}"]


def test_cookies_of_one_name_and_two_paths_are_both_sent(tmp_path: Path) -> None:
    source = (
        "def handler(req, res):\n    res.set_cookie('a', '1').set_cookie('a', '2', path='/x').send('ok')\n"
    )
    assert call(app_of(tmp_path, source)).all("Set-Cookie") == [
        f"a=1; Path=/{DEFAULTS}",
        f"a=2; Path=/x{DEFAULTS}",
    ]


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
        response.set_cookie(name, value, path=path, domain=domain, samesite=samesite, httponly=False)
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
