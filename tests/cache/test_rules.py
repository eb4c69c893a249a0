"""What may be stored, and for how long it is fresh."""

from __future__ import annotations

import math
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes.cache.rules import cache_control, directives, judge
from tests.cache.route_cases import INTERFACES, get_of, routed, said, ttl_of

PAST, FUTURE = formatdate(1_000_000_000, usegmt=True), formatdate(4_000_000_000, usegmt=True)

# What a handler does, and why its answer is not stored; "" if it is.
ANSWERS = {
    **{f"status {code}": (f"return res.status({code}).json(1)", "") for code in (200, 203, 204, 301, 308)},
    **{
        f"status {code}": (f"return res.status({code}).json(1)", "status")
        for code in (
            *(201, 202, 205, 206, 207, 299, 300, 302, 303, 304, 305, 307, 400, 401, 403, 404, 405, 409, 410),
            *(414, 418, 429, 451, 500, 501, 502, 503, 504, 599),
        )
    },
    "a permanent redirect": ("res.redirect(308, '/y')", ""),
    "a temporary redirect": ("res.redirect('/y')", "status"),
    "a cookie": ("res.set_cookie('a', 'b')\n    return 1", "set-cookie"),
    "a deleted cookie": ("res.delete_cookie('a')\n    return 1", "set-cookie"),
    "a cookie by its name": ("res.set_header('sEt-cOOkie', 'a=b')\n    return 1", "set-cookie"),
    **{
        f"Vary: {value}": (f"res.set_header('Vary', {value!r})\n    return 1", "vary")
        for value in ("*", " * ", "Accept, *", "*,Accept", "Accept,*,Origin", "*,*")
    },
    "a second Vary": (
        "res.append_header('Vary', 'Accept')\n    res.append_header('Vary', '*')\n    return 1",
        "vary",
    ),
    "Vary with a star in a name": ("res.set_header('Vary', 'X-*')\n    return 1", ""),
    **{
        f"Cache-Control: {value}": (
            f"res.set_header('Cache-Control', {value!r})\n    return 1",
            "cache-control",
        )
        for value in (
            *("private", "no-store", "no-cache", "Private", "NO-STORE", "No-Cache", "public, no-store,"),
            *(
                'private="X-A"',
                'no-cache="Set-Cookie"',
                "private = x",
                ",,private",
                "\tprivate",
                "a=b,private",
            ),
            *('a="b,c",no-store', 'a="\\"",private', "max-age=0", "s-maxage=0", "s-maxage=0, max-age=60"),
            *("max-age=oops", "max-age=", "max-age", "max-age=-1", "max-age=1.5", "max-age=+1"),
            *('max-age="0"', "max-age=60;private", "public;no-store", '"', 'a="b', "=1", "public private"),
            *("max-age=60, max-age=0", "s-maxage=oops, max-age=60", "max-age=60, max-age=oops"),
        )
    },
    **{
        f"Cache-Control: {value}": (f"res.set_header('Cache-Control', {value!r})\n    return 1", "")
        for value in (
            *(
                "public",
                "max-age=60",
                "MAX-AGE=60",
                "max-age=0, s-maxage=60",
                "immutable",
                "x-private",
                "privately",
            ),
            *(
                'a="private"',
                'a="no-store, private"',
                "must-revalidate",
                "no-transform",
                "",
                ",",
                "proxy-revalidate",
            ),
            *('max-age="60"', "max-age=99999999999999999999999", "stale-if-error=0", "max-age=60,"),
        )
    },
    "two lines of Cache-Control": (
        "res.append_header('Cache-Control', 'public')\n"
        "    res.append_header('Cache-Control', 'no-store')\n    return 1",
        "cache-control",
    ),
    "Expires in the past": (f"res.set_header('Expires', {PAST!r})\n    return 1", "expires"),
    "Expires: 0": ("res.set_header('Expires', '0')\n    return 1", "expires"),
    "Expires: -1": ("res.set_header('Expires', '-1')\n    return 1", "expires"),
    "Expires, unreadable": ("res.set_header('Expires', 'tomorrow')\n    return 1", "expires"),
    "Expires in the future": (f"res.set_header('Expires', {FUTURE!r})\n    return 1", ""),
    "Expires in the past beside max-age": (
        f"res.set_headers({{'Expires': {PAST!r}, 'Cache-Control': 'max-age=9'}})\n    return 1",
        "",
    ),
    "Expires in the future beside max-age=0": (
        f"res.set_headers({{'Expires': {FUTURE!r}, 'Cache-Control': 'max-age=0'}})\n    return 1",
        "cache-control",
    ),
    "older than its lifetime": (
        "res.set_headers({'Age': '60', 'Cache-Control': 'max-age=60'})\n    return 1",
        "cache-control",
    ),
    "Pragma": ("res.set_header('Pragma', 'no-cache')\n    return 1", ""),
    "a stream": ("return iter([b'a'])", "stream"),
    "a generator": ("return (c for c in 'ab')", "stream"),
    "written": ("res.write('a')\n    res.end()", "stream"),
    "a file": ("from apiroutes import file\n    return file(__file__)", "stream"),
    "a Werkzeug response": ("from werkzeug import Response\n    return Response('a')", ""),
    "a streamed Werkzeug response": (
        "from werkzeug import Response\n    return Response(iter(['a']))",
        "stream",
    ),
    "a Flask response": ("import flask\n    return flask.Response('a')", ""),
    "a Flask application": ("import flask\n    return flask.Flask('a')", "stream"),
    "too large": ("return 'x' * 1025", "size"),
    "as large as may be": ("return 'x' * 1024", ""),
    "text": ("return 'a'", ""),
    "bytes": ("return b'a'", ""),
    "nothing": ("res.send(None)", ""),
    "HTML": ("from apiroutes import html\n    return html('a')", ""),
    "set before the head leaves": (
        "res.before_head(lambda: res.set_cookie('a', 'b'))\n    return 1",
        "set-cookie",
    ),
    "private before the head leaves": (
        "res.before_head(lambda: res.set_header('Cache-Control', 'private'))\n    return 1",
        "cache-control",
    ),
    "an error": ("raise ApiError(404)", "error"),
    "an HTTP exception": ("from werkzeug.exceptions import Gone\n    raise Gone()", "error"),
    "a fault": ("raise ValueError()", "error"),
    "an error after the answer": ("res.json(1)\n    raise ValueError()", "error"),
}


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_stored_and_why_what_is_not_is_not(tmp_path: Path, name: str, interface: str) -> None:
    lines, detail = ANSWERS[name]
    app = routed(tmp_path, get_of(lines), interface, cache_max_body="1kb")
    answers = [app.get(), app.get()]
    runs = len(app.seen)
    if not detail:
        assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit"]
        assert runs == 1
    else:
        assert [*map(said, answers)] == [f"fwd=uri-miss; detail={detail}"] * 2
        assert runs >= 2


@pytest.mark.parametrize("status", [302, 303, 307, 404, 410])
def test_an_additional_status_is_stored_where_the_route_says_so(tmp_path: Path, status: int) -> None:
    declared = f"config = {{'cache': {{'revalidate': 60, 'statuses': [{status}]}}}}"
    app = routed(tmp_path, get_of(f"return res.status({status}).json(1)", declared=declared))
    answers = [app.get(), app.get()]
    assert [(said(answer), answer.status) for answer in answers] == [
        ("fwd=uri-miss; stored", status),
        ("hit", status),
    ]


def test_an_error_that_is_raised_is_not_stored_whatever_its_status(tmp_path: Path) -> None:
    declared = "config = {'cache': {'revalidate': 60, 'statuses': [404]}}"
    app = routed(tmp_path, get_of("raise ApiError(404)", declared=declared))
    answers = [app.get(), app.get()]
    assert [*map(said, answers)] == ["fwd=uri-miss; detail=error"] * 2
    assert [answer.header("Cache-Control") for answer in answers] == ["no-store"] * 2


# Headers of an answer of a route with `revalidate = 60`, and for how many seconds it is fresh.
LIFETIMES = [
    ({}, 60),
    ({"Cache-Control": "max-age=20"}, 20),
    ({"Cache-Control": "s-maxage=20"}, 20),
    ({"Cache-Control": "s-maxage=20, max-age=10"}, 20),
    ({"Cache-Control": "max-age=90"}, 60),
    ({"Cache-Control": "max-age=30, max-age=20"}, 20),
    ({"Cache-Control": "max-age=20", "Expires": FUTURE}, 20),
    ({"Cache-Control": "max-age=30", "Age": "10"}, 20),
    ({"Cache-Control": "max-age=90", "Age": "10"}, 60),
    ({"Cache-Control": "max-age=30", "Age": "oops"}, 30),
    ({"Cache-Control": "max-age=30, stale-while-revalidate=5"}, 30),
    ({"Expires": "SOON"}, 20),
    ({"Expires": "SOON", "Cache-Control": "public"}, 20),
]


@pytest.mark.parametrize(("headers", "seconds"), LIFETIMES)
def test_the_shorter_lifetime_counts(tmp_path: Path, headers: dict[str, str], seconds: int) -> None:
    if headers.get("Expires") == "SOON":
        headers = {**headers, "Expires": formatdate(time.time() + 20.9, usegmt=True)}
    app = routed(tmp_path, get_of(f"res.set_headers({headers!r})", "return 1"))
    app.get()
    assert seconds - 2 <= ttl_of(app.get()) <= seconds


@pytest.mark.parametrize(
    ("fresh", "stale", "expected"),
    [
        (60, 31535940, "s-maxage=60, stale-while-revalidate=31535940"),
        (60, 0, "s-maxage=60"),
        (1.9, 0.9, "s-maxage=1"),
        (0.5, 1, "s-maxage=0, stale-while-revalidate=1"),
        (math.inf, 0, "s-maxage=31536000"),
    ],
)
def test_cache_control_tells_what_is_stored(fresh: float, stale: float, expected: str) -> None:
    assert cache_control(fresh, stale) == expected


# -- the grammar of Cache-Control ----------------------------------------------------------------

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEF-0123456789!#$%&'*+.^_`|~", min_size=1, max_size=12)
QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=12)
MEMBER = st.tuples(
    TOKEN, st.none() | TOKEN.map(lambda text: (text, text)) | QUOTED.map(lambda text: (f'"{text}"', text))
)
BLANK = st.sampled_from(["", " ", "  ", "\t", " ,", ", ,"])


@given(st.lists(st.tuples(MEMBER, BLANK, BLANK), max_size=6), st.integers(0, 6))
def test_what_is_written_by_the_grammar_is_read(
    members: list[tuple[tuple[str, tuple[str, str] | None], str, str]], cut: int
) -> None:
    written = [
        before + name + ("" if value is None else "=" + value[0]) + after
        for (name, value), before, after in members
    ]
    expected: dict[str, list[str]] = {}
    for (name, value), _, _ in members:
        expected.setdefault(name.lower(), []).append("" if value is None else value[1])
    lines = [",".join(written[:cut]), ",".join(written[cut:])]
    assert directives(lines) == expected


@given(st.lists(st.text(st.sampled_from('private no-store=0,"\\;\t\x00é60maxge'), max_size=40), max_size=3))
def test_no_cache_control_is_too_odd_to_judge(lines: list[str]) -> None:
    verdict = judge(
        200, {"cache-control": lines}, 0, revalidate=60, stale=5, statuses=frozenset(), max_size=1
    )
    assert (verdict.reason == "") == (0 < verdict.fresh <= 60)
    read = directives(lines)
    bare = {member.strip().lower() for line in lines if '"' not in line for member in line.split(",")}
    if bare & {"private", "no-store", "no-cache"}:
        assert verdict.reason == "cache-control"
    if read is None:
        assert verdict.reason == "cache-control"
