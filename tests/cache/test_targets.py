"""What a stored answer belongs to: which requests have it in common, and what its handler sees of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiroutes import revalidate_path
from apiroutes.body import parse_pairs
from apiroutes.cache.targets import Target, listed_pairs, variant_key
from tests.cache.route_cases import INTERFACES, Routed, get_of, routed, said
from tests.support import Answer, Extra, environ

# -- which requests are the same -----------------------------------------------------------------

# Entries of an environ, in groups: all of a group ask for the same, and no two groups do.
HOSTS: list[list[dict[str, Any]]] = [
    [
        {"HTTP_HOST": "a.test"},
        {"HTTP_HOST": "A.Test"},
        {"HTTP_HOST": "a.test:80"},
        {"HTTP_HOST": "A.TEST:80"},
        {"HTTP_HOST": "a.test", "SERVER_PORT": "8080", "SERVER_NAME": "b"},
        {"HTTP_HOST": None, "SERVER_NAME": "a.test", "SERVER_PORT": "80"},
        {"HTTP_HOST": None, "SERVER_NAME": "A.test", "SERVER_PORT": "80"},
    ],
    [{"HTTP_HOST": "a.test:8080"}, {"HTTP_HOST": None, "SERVER_NAME": "a.test", "SERVER_PORT": "8080"}],
    [{"HTTP_HOST": "a.test:443"}],
    [{"HTTP_HOST": "a.test."}],
    [{"HTTP_HOST": "b.a.test"}],
    [{"HTTP_HOST": "[::1]"}, {"HTTP_HOST": "[::1]:80"}, {"HTTP_HOST": None, "SERVER_NAME": "::1"}],
    [{"HTTP_HOST": "[::1]:8080"}, {"HTTP_HOST": None, "SERVER_NAME": "::1", "SERVER_PORT": "8080"}],
    [{"HTTP_HOST": "[::80]"}, {"HTTP_HOST": "[::80]:80"}],
    [
        {"HTTP_HOST": "a.test", "wsgi.url_scheme": "https"},
        {"HTTP_HOST": "a.test:443", "wsgi.url_scheme": "https"},
        {"HTTP_HOST": None, "SERVER_NAME": "a.test", "SERVER_PORT": "443", "wsgi.url_scheme": "https"},
    ],
    [{"HTTP_HOST": "a.test:80", "wsgi.url_scheme": "https"}],
    [{"HTTP_HOST": "a.test", "SCRIPT_NAME": "/v1", "RAW_URI": "/v1/api/x"}],
    [{"HTTP_HOST": "a.test", "SCRIPT_NAME": "/v2", "RAW_URI": "/v2/api/x"}],
]


def answers_of(app: Routed, group: list[dict[str, Any]], target: str = "/api/x") -> list[Answer]:
    return [app.get(target, **Extra(entries)) for entries in group]


def test_hosts_and_mounts_that_are_the_same_have_one_answer(tmp_path: Path) -> None:
    app = routed(tmp_path, get_of())
    numbers = [[answer.json()["n"] for answer in answers_of(app, group)] for group in HOSTS]
    assert numbers == [[number + 1] * len(group) for number, group in enumerate(HOSTS)]


SPELLINGS: list[list[str]] = [
    ["/api/x%20y", "/api/x%20%79", "/%61pi/x%20y", "/api/%78%20y"],
    ["/api/x+y", "/api/x%2By", "/api/x%2by"],
    ["/api/x%2Fy", "/api/x%2fy"],
    ["/api/%C3%A4", "/api/%c3%a4", "/api/ä"],
    ["/api/x%3Fa=1"],
    ["/api/x%2525"],
    ["/api/x%25"],
    ["/api/X%20Y"],
    ["/api/~", "/api/%7E"],
    ["/api/a;b=c", "/api/a%3Bb%3Dc"],
]


def test_spellings_of_a_path_have_one_answer(tmp_path: Path) -> None:
    app = routed(
        tmp_path, get_of(), files={"pages/api/[id].py": get_of("return [len(seen), req.params['id']]")}
    )
    shown = [[app.get(target) for target in group] for group in SPELLINGS]
    for number, group in enumerate(shown, 1):
        assert [answer.json()[0] for answer in group] == [number] * len(group)
        assert len({answer.body for answer in group}) == 1


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(
    "queries",
    [
        [
            "",
            "a",
            "a=",
            "a=1",
            "a=1&b=2",
            "b=2&a=1",
            "%61=1",
            "a=%31",
            "a=1&a=2",
            "a=2&a=1",
            "&a=1",
            "a=1;b=2",
        ],
        ["a=+", "a=%20", "a=%2B", "a=%2b", "a=%FF", "a=%ff", "a=ä", "a=%C3%A4", "?", "a=/", "a=%2F"],
    ],
)
def test_the_query_counts_byte_for_byte(tmp_path: Path, queries: list[str], interface: str) -> None:
    app = routed(tmp_path, get_of("return req.query_string"), interface)
    for said_now in ("fwd=uri-miss; stored", "hit"):
        for query in queries:
            answer = app.get(f"/api/x?{query}" if query else "/api/x")
            assert (said(answer), answer.body) == (said_now, query.encode())


def listing(*names: str) -> str:
    return f"config = {{'cache': {{'revalidate': 60, 'query': {list(names)!r}}}}}"


# Queries in groups, of which the route lists `page` and `tag`; all of a group are the same to it.
LISTED = [
    ["", "x=1", "x=page", "Page=1", "page%20=1", "&&", "%70age[]=1"],
    ["page=1", "page=1&x=2", "x=2&page=1", "%70age=1", "page=%31", "&page=1&", "utm=a&page=1&utm=b"],
    ["page=1&tag=a", "tag=a&page=1", "tag=a&x=1&page=1"],
    ["page=", "page", "x&page"],
    ["tag=a&tag=b", "tag=a&x=1&tag=b", "tag=%61&tag=%62"],
    ["tag=b&tag=a"],
    ["page=a+b", "page=a%20b"],
    ["page=a%2Bb", "page=a%2bb"],
    ["page=%C3%A4", "page=ä"],
    ["page=%FF", "page=%EF%BF%BD", "page=%fe"],
    ["page=a%26tag%3Db"],
    ["page=1;tag=2", "page=1%3Btag%3D2"],
]


@pytest.mark.parametrize("interface", INTERFACES)
def test_of_a_listed_query_the_listed_pairs_count(tmp_path: Path, interface: str) -> None:
    app = routed(
        tmp_path, get_of("return [len(seen), req.query]", declared=listing("page", "tag")), interface
    )
    for number, group in enumerate(LISTED, 1):
        shown = [app.get(f"/api/x?{query}" if query else "/api/x").json() for query in group]
        assert shown == [[number, shown[0][1]]] * len(group), group


READ = (
    "return [req.query, req.args.to_dict(flat=False), req.query_string.decode(), req.url, req.full_path, "
    "{name: req.environ.get(name) for name in ('QUERY_STRING', 'RAW_URI', 'REQUEST_URI')}]"
)


@pytest.mark.parametrize("headers", [{}, {"Cookie": "a=b"}, {"Authorization": "b"}, {"Range": "bytes=0-0"}])
@pytest.mark.parametrize("names", [(), ("page",)])
def test_the_handler_sees_no_key_that_is_not_listed(
    tmp_path: Path, names: tuple[str, ...], headers: dict[str, str]
) -> None:
    """Whether the answer is stored or not."""
    source = get_of(READ, declared=listing(*names)) + get_of(READ, declared="").replace("GET", "POST")
    app = routed(tmp_path, source)
    answer = app.get("/api/x?s3cret=s3cret&page=7&s3cret", headers)
    assert "s3cret" not in answer.text
    assert ("page" in answer.text) == (names != ())
    assert "s3cret" in app.get("/api/x?s3cret=1", headers, "POST").text


TEXT = st.text("ab&=+%;/? äπ\x00#", max_size=4)
PAIRS = st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=6)


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _all_encoded(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


ENCODERS: list[Callable[[str], str]] = [quote_plus, _encoded, _all_encoded]


@st.composite
def spelled(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> str:
    """Return one of the spellings of pairs, with others between them."""
    written: list[str] = []
    for name, value in pairs:
        encode = draw(st.sampled_from(ENCODERS))
        written += draw(st.lists(st.sampled_from(["", "other=1", "a2"]), max_size=2))
        written.append(f"{encode(name)}={encode(value)}")
    return "&".join(written)


@given(st.data(), PAIRS, st.sets(TEXT.filter(bool), max_size=4))
def test_equal_spellings_of_listed_pairs_are_equal(
    data: st.DataObject, pairs: list[tuple[str, str]], names: set[str]
) -> None:
    listed = [*{*names, *(name for name, _ in pairs[:3])} - {"other", "a2"}]
    once, again = (listed_pairs(data.draw(spelled(pairs)), listed) for _ in range(2))
    assert once == again
    expected = sorted(((name, value) for name, value in pairs if name in listed), key=lambda pair: pair[0])
    assert parse_pairs(once) == expected


# -- keys ----------------------------------------------------------------------------------------

PART = st.text(max_size=6)
TARGETS = st.builds(Target, PART, PART, PART, PART, PART, st.just(()))
HEADERS = st.lists(st.tuples(PART, st.none() | PART), max_size=3)


def key_of(release: str, target: Target, headers: list[tuple[str, str | None]]) -> bytes:
    return variant_key(target.key(release), [name for name, _ in headers], [value for _, value in headers])


@given(PART, TARGETS, HEADERS, PART, TARGETS, HEADERS)
def test_keys_are_equal_only_for_what_is_equal(
    release: str,
    target: Target,
    headers: list[tuple[str, str | None]],
    other_release: str,
    other: Target,
    other_headers: list[tuple[str, str | None]],
) -> None:
    is_same = (release, target, headers) == (other_release, other, other_headers)
    assert (key_of(release, target, headers) == key_of(other_release, other, other_headers)) == is_same


@given(st.lists(PART, min_size=6, max_size=6), st.integers(0, 4))
def test_parts_do_not_run_into_one_another(parts: list[str], place: int) -> None:
    shifted = [*parts]
    shifted[place], shifted[place + 1] = parts[place] + parts[place + 1], ""
    keys = {
        key_of(release, Target(scheme, host, mount, path, query, ()), [])
        for release, scheme, host, mount, path, query in (parts, shifted)
    }
    assert len(keys) == (1 if shifted == parts else 2)


# -- the request that is made of a target --------------------------------------------------------

SHOWN = (
    "return {name: getattr(req, name) for name in ('scheme', 'host', 'path', 'root_path', 'url', 'base_url', "
    "'host_url', 'url_root', 'query', 'params', 'is_secure')}"
)
ASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("/api/x", {}),
    "a query": ("/api/x?a=1&b=%20", {}),
    "a port": ("/api/x", {"HTTP_HOST": "a.test:8080"}),
    "IPv6": ("/api/x", {"HTTP_HOST": "[::1]:8080"}),
    "IPv6 without a port": ("/api/x", {"HTTP_HOST": "[::1]"}),
    "no Host": ("/api/x", {"HTTP_HOST": None, "SERVER_NAME": "a.test", "SERVER_PORT": "8080"}),
    "no Host, IPv6": ("/api/x", {"HTTP_HOST": None, "SERVER_NAME": "::1", "SERVER_PORT": "80"}),
    "https": ("/api/x", {"wsgi.url_scheme": "https"}),
    "https, its port": ("/api/x", {"wsgi.url_scheme": "https", "HTTP_HOST": "a.test:443"}),
    "mounted": ("/api/x", {"SCRIPT_NAME": "/v1", "RAW_URI": "/v1/api/x"}),
    "mounted, encoded": ("/api/x", {"SCRIPT_NAME": "/v 1", "RAW_URI": "/v%201/api/x"}),
    "absolute form": ("/api/x?a=1", {"RAW_URI": "http://localhost/api/x?a=1"}),
    "no raw target": ("/api/x?a=1", {"RAW_URI": None}),
    "REQUEST_URI": ("/api/x?a=1", {"RAW_URI": None, "REQUEST_URI": "/api/x?a=1"}),
    "a parameter": ("/api/p/a%20b%2Fc", {}),
    "a parameter, UTF-8": ("/api/p/%C3%A4", {}),
    "no parameter": ("/api/p", {}),
    "several": ("/api/p/a/b%2Fc/d", {}),
}


@pytest.mark.parametrize("name", ASKS)
def test_the_handler_sees_the_target_as_without_a_cache(tmp_path: Path, name: str) -> None:
    target, entries = ASKS[name]
    shown = []
    for number, declared in enumerate(["", "revalidate = 60"]):
        source = get_of(SHOWN, declared=declared)
        app = routed(tmp_path / str(number), source, files={"pages/api/p/[[...rest]].py": source})
        shown += [app.get(target, **Extra(entries)).json() for _ in range(2)]
    assert shown == [shown[0]] * 4


@pytest.mark.parametrize(("mode", "statuses"), [("redirect", [308, 200]), ("require", [200, 308])])
def test_only_the_path_that_is_served_is_stored(tmp_path: Path, mode: str, statuses: list[int]) -> None:
    app = routed(tmp_path, get_of(), trailing_slash=mode)
    for _ in range(2):
        assert [app.get(target).status for target in ("/api/x/", "/api/x")] == statuses
    assert len(app.seen) == 1


def test_with_and_without_its_slash_a_path_is_revalidated_at_once(tmp_path: Path) -> None:
    """Where both are served, the handler sees which one it is, so each has an answer of its own."""
    app = routed(tmp_path, get_of("return [len(seen), req.path]"), trailing_slash="ignore")
    targets = ("/api/x/", "/api/x") * 2
    assert [app.get(target).json() for target in targets] == [[1, "/api/x/"], [2, "/api/x"]] * 2
    revalidate_path("/api/x")
    assert [app.get(target).json() for target in targets] == [[3, "/api/x/"], [4, "/api/x"]] * 2


def test_a_base_path_belongs_to_the_path(tmp_path: Path) -> None:
    app = routed(tmp_path, get_of("return [len(seen), req.path, req.url]"), base_path="/v1")
    answers = [app.get("/v1/api/x") for _ in range(2)]
    assert [answer.json() for answer in answers] == [[1, "/v1/api/x", "http://localhost/v1/api/x"]] * 2
    assert said(answers[1]) == "hit"


def test_a_deploy_begins_with_nothing_stored(tmp_path: Path) -> None:
    stored = [
        said(routed(tmp_path, get_of("return 1"), cache="sqlite", release=release).get())
        for release in ("a", "a", "b", "a")
    ]
    assert stored == ["fwd=uri-miss; stored", "hit", "fwd=uri-miss; stored", "hit"]


def test_the_method_is_not_in_the_key(tmp_path: Path) -> None:
    app = routed(tmp_path, get_of("return [len(seen), req.method]"))
    answers = [app.get(method="HEAD"), app.get(), app.get(method="HEAD")]
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit", "hit"]
    assert [answer.body for answer in answers] == [b"", b'[1,"GET"]', b""]
    assert [answer.header("Content-Length") for answer in answers] == ["9"] * 3


def test_the_environ_is_of_no_request(tmp_path: Path) -> None:
    """What a target's environ has is in the key, or the same for all."""
    made = environ()
    assert Target("http", "a", "", "/x", "", ()).environ().keys() <= {*made, "HTTP_HOST"}
