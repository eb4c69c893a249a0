"""`redirect` and `safe_redirect`: encoded locations, and which of them stay on this host."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apiroutes import Response, is_local
from tests.support import respond

REDIRECTS = [
    ("'/login'", 307, "/login"),
    ("301, '/login'", 301, "/login"),
    ("302, ''", 302, ""),
    ("303, '//host/x'", 303, "//host/x"),
    ("308, 'https://example.com/a?b=c#d'", 308, "https://example.com/a?b=c#d"),
    ("'/a b\\t\"<>'", 307, "/a%20b%09%22%3C%3E"),
    ("'/é☃'", 307, "/%C3%A9%E2%98%83"),
    ("'/%20[1]'", 307, "/%20[1]"),
]


@pytest.mark.parametrize(("arguments", "status", "location"), REDIRECTS)
def test_a_redirect_has_an_encoded_location(
    tmp_path: Path, arguments: str, status: int, location: str
) -> None:
    answer = respond(tmp_path, f"res.redirect({arguments})")
    assert (answer.status, answer.header("Location"), answer.body.decode()) == (status, location, location)


@pytest.mark.parametrize(
    "arguments",
    [
        "200, '/'",
        "304, '/'",
        "'302', '/'",
        "True, '/'",
        "302",
        "None",
        "'/a\\r\\nX: 1'",
        "'/\\0'",
        "302, None",
    ],
)
def test_an_invalid_redirect_is_500(tmp_path: Path, arguments: str) -> None:
    assert respond(tmp_path, f"res.redirect({arguments})").status == 500


LOCAL = ["/", "/a", "/a?b=//c", "/a//b", "/@host", "/%5Chost"]
FOREIGN = [
    "",
    "a",
    "//host",
    "/\\host",
    "\\\\host",
    "\\/host",
    "https://host",
    "https:host",
    "javascript:alert(1)",
    "/\t/host",
    "/\n/host",
    "\t//host",
    " //host",
    "/a\\b",
    "\x01https://host",
]


@pytest.mark.parametrize("url", LOCAL)
def test_a_path_is_local(tmp_path: Path, url: str) -> None:
    assert is_local(url)
    assert respond(tmp_path, f"res.safe_redirect({url!r})").status == 307


@pytest.mark.parametrize("url", FOREIGN)
def test_a_url_that_may_lead_to_another_host_is_not_local(tmp_path: Path, url: str) -> None:
    assert not is_local(url)
    assert respond(tmp_path, f"res.safe_redirect(302, {url!r})").status == 500


# -- locations

PERCENT = [
    ("/ä?q=ö#ü", "/%C3%A4?q=%C3%B6#%C3%BC"),
    ("/a%0d%0ab", "/a%0d%0ab"),
    ("/100%", "/100%"),
    ("/\\a", "/%5Ca"),
    ("/a`{|}^", "/a%60%7B%7C%7D%5E"),
    ("/\x01\x7f", "/%01%7F"),
    ("/\u2028", "/%E2%80%A8"),
    ("https://user@host:8/a?b=[c]&d='e'", "https://user@host:8/a?b=[c]&d='e'"),
    ("?a=1", "?a=1"),
    ("..", ".."),
]


@pytest.mark.parametrize(("url", "location"), PERCENT)
def test_a_location_is_encoded_once(tmp_path: Path, url: str, location: str) -> None:
    answer = respond(tmp_path, f"res.redirect({url!r})")
    assert (answer.header("Location"), answer.body.decode()) == (location, location)
    assert answer.header("Content-Type") == "text/plain; charset=utf-8"


@given(st.text(max_size=10))
@settings(deadline=None)
def test_a_location_is_one_line_of_ascii_or_refused(url: str) -> None:
    response = Response()
    try:
        response.redirect(url)
    except ValueError:
        return
    location = response.get_header("Location")
    assert isinstance(location, str)
    assert location.isascii()
    assert location.isprintable()
    assert " " not in location


MORE_FOREIGN = [
    "///host",
    "/\\/host",
    "\\host",
    "/\r/host",
    "/\0/host",
    "\x0b//host",
    "\xa0//host",
    "\u2028//host",
    "http:/host",
    "http:host",
    "HTTPS://host",
    "data:text/html,x",
    "?a",
    "#a",
    "..//host",
    "./a",
    "host",
    "/\x7f/host",
    "/\x85/host",
]


@pytest.mark.parametrize("url", MORE_FOREIGN)
def test_a_disguised_foreign_url_is_not_local(url: str) -> None:
    assert not is_local(url)
    with pytest.raises(ValueError, match="is not a path on this host"):
        Response().safe_redirect(url)


@given(st.text(alphabet="/\\h:@?#.%\t\n \x01", max_size=6))
@settings(deadline=None)
def test_a_local_url_stays_on_the_host_whatever_a_browser_drops(url: str) -> None:
    if not is_local(url):
        return
    # WHATWG URL: tabs and newlines are dropped, leading controls too, and "\" is "/".
    seen = url.lstrip("".join(map(chr, range(33)))).translate(str.maketrans("\\", "/", "\t\r\n"))
    assert seen.startswith("/")
    assert not seen.startswith("//")


@pytest.mark.parametrize("arguments", ["", "None", "5", "302, None", "302, 5", "b'/'"])
def test_a_safe_redirect_takes_a_url(tmp_path: Path, arguments: str) -> None:
    assert respond(tmp_path, f"res.safe_redirect({arguments})").status == 500
