"""The request's path, from the target to the handler (docs/behaviour.md §2)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.support import Answer, Extra, call, project

SHOW = "def handler(req, res):\n    res.json([req.params])\n"
FILES = {
    "pages/api/hello.py": SHOW,
    "pages/api/index.py": SHOW,
    "pages/api/users/[id].py": SHOW,
    "pages/api/files/[...path].py": SHOW,
    "pages/api/docs/[[...path]].py": SHOW,
    "pages/api/ünï.py": SHOW,
    "pages/api/with space.py": SHOW,
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    return App(project(tmp_path_factory.mktemp("paths"), FILES))


PARAMS: list[tuple[str, Any]] = [
    ("/api", {}),
    ("/api/hello", {}),
    ("/api/hello?x=/a%2F", {}),
    ("/api/hell%6F", {}),
    ("/%61pi/hello", {}),
    ("/api/%C3%BCn%C3%AF", {}),
    ("/api/ünï", {}),
    ("/api/with%20space", {}),
    ("/api/users/1", {"id": "1"}),
    ("/api/users/a%2Fb", {"id": "a/b"}),
    ("/api/users/a%2fb", {"id": "a/b"}),
    ("/api/users/a+b", {"id": "a+b"}),
    ("/api/users/a%2Bb", {"id": "a+b"}),
    ("/api/users/%252F", {"id": "%2F"}),
    ("/api/users/100%25", {"id": "100%"}),
    ("/api/users/☃", {"id": "☃"}),
    ("/api/users/%E2%98%83", {"id": "☃"}),
    ("/api/users/a%5Cb", {"id": "a\\b"}),
    ("/api/users/a..b", {"id": "a..b"}),
    ("/api/users/...", {"id": "..."}),
    ("/api/users/.hidden", {"id": ".hidden"}),
    ("/api/users/a#fragment", {"id": "a"}),
    ("/api/users/a;b=c,d:e@f", {"id": "a;b=c,d:e@f"}),
    ("/api/users/%C2%A0", {"id": "\xa0"}),
    ("http://other.example/api/users/1", {"id": "1"}),
    ("/api/files/a/b%2Fc", {"path": ["a", "b/c"]}),
    ("/api/docs", {}),
    ("/api/docs/a/b", {"path": ["a", "b"]}),
]


@pytest.mark.parametrize(("target", "params"), PARAMS)
def test_a_target_reaches_its_handler(app: App, target: str, params: Any) -> None:
    path = target.removeprefix("http://other.example")
    answer = call(app, target=path, RAW_URI=target.encode().decode("latin-1"))
    assert (answer.status, answer.json()) == (200, [params])


REFUSED = [
    ("/api/users/%zz", 400),
    ("/api/users/%", 400),
    ("/api/users/%2", 400),
    ("/api/users/%FF", 400),
    ("/api/users/%C0%AF", 400),
    ("/api/users/%ED%A0%80", 400),
    ("/api/users/%00", 400),
    ("/api/users/a%0Ab", 400),
    ("/api/users/%7F", 400),
    ("/api/users/%C2%80", 400),
    ("/api/users/a b", 400),
    ("/api/hello%00", 400),
    ("/api/nope/%FF", 404),
    ("/api/nope/%zz", 404),
    ("/%FF", 404),
    ("/%00", 404),
    ("/api/users/.", 404),
    ("/api/users/..", 404),
    ("/api/users/%2e%2E", 404),
    ("/api/users/a%2F..%2Fb", 404),
    ("/api/users/a%5C..", 404),
    ("/api/files/a/../b", 404),
    ("/api/files/%2e/b", 404),
    ("/API/hello", 404),
    ("/api/Hello", 404),
    ("/apix", 404),
    ("/", 404),
    ("", 404),
    ("*", 404),
]


@pytest.mark.parametrize(("target", "status"), REFUSED)
def test_a_target_is_refused(app: App, target: str, status: int) -> None:
    assert call(app, target=target).status == status


REDIRECTS = [
    ("/api/hello/", "/api/hello"),
    ("/api/hello//", "/api/hello"),
    ("//api/hello", "/api/hello"),
    ("/api//hello", "/api/hello"),
    ("/api/", "/api"),
    ("/api/hello/?a=1&b=%20", "/api/hello?a=1&b=%20"),
    ("/api/hello/?x=\r\nSet-Cookie:1", "/api/hello?x=%0D%0ASet-Cookie:1"),
    ("/api/users/a%20b/", "/api/users/a%20b"),
    ("/api/users/a%2Fb/", "/api/users/a%2Fb"),
    ("/api/users/☃/", "/api/users/%E2%98%83"),
    ("/api/users/(x)/", "/api/users/(x)"),
    ("/api/users/%5Cevil.com/", "/api/users/%5Cevil.com"),
    ("/api/docs/a//b/", "/api/docs/a/b"),
]


@pytest.mark.parametrize(("target", "location"), REDIRECTS)
def test_slashes_are_redirected_to_the_canonical_path(app: App, target: str, location: str) -> None:
    answer = call(app, "POST", target)
    assert (answer.status, answer.header("Location"), answer.body) == (308, location, location.encode())


@pytest.mark.parametrize(
    "target", ["/api/nope/", "/api//nope", "/api/files/", "//evil.com/", "//evil.com/%2e%2e"]
)
def test_an_unknown_path_is_not_redirected(app: App, target: str) -> None:
    assert call(app, target=target).status == 404


SLASHES = [
    ("ignore", "/api/hello", 200, None),
    ("ignore", "/api/hello/", 200, None),
    ("ignore", "/api//hello/", 308, "/api/hello/"),
    ("require", "/api/hello/", 200, None),
    ("require", "/api/hello", 308, "/api/hello/"),
    ("require", "/api/users/1?a=1", 308, "/api/users/1/?a=1"),
    ("require", "/api//hello//", 308, "/api/hello/"),
]


@pytest.mark.parametrize(("setting", "target", "status", "location"), SLASHES)
def test_the_trailing_slash_setting_decides(
    tmp_path: Path, setting: str, target: str, status: int, location: str | None
) -> None:
    answer = call(App(project(tmp_path, FILES), trailing_slash=setting), target=target)
    assert (answer.status, answer.header("Location")) == (status, location)


ROOTS = [
    ({}, "", "/", 200, None),
    ({}, "/v1", "/", 200, None),
    ({}, "/v1", "", 200, None),
    ({"trailing_slash": "require"}, "", "/", 200, None),
    ({"trailing_slash": "ignore"}, "/v1", "/", 200, None),
    ({}, "", "///", 308, "/"),
    ({}, "/v1", "//", 308, "/v1/"),
    ({"trailing_slash": "require"}, "/v1", "//", 308, "/v1/"),
]


@pytest.mark.parametrize(("settings", "script_name", "path_info", "status", "location"), ROOTS)
def test_a_route_at_the_root_is_reached(
    tmp_path: Path,
    settings: dict[str, Any],
    script_name: str,
    path_info: str,
    status: int,
    location: str | None,
) -> None:
    answer = mounted(App(project(tmp_path, FILES), api_prefix="", **settings), script_name, path_info, None)
    assert (answer.status, answer.header("Location")) == (status, location)


PREFIXES = [
    ({"api_prefix": "/v1"}, "/v1/hello", 200),
    ({"api_prefix": "/v1"}, "/api/hello", 404),
    ({"api_prefix": ""}, "/hello", 200),
    ({"base_path": "/shop"}, "/shop/api/hello", 200),
    ({"base_path": "/shop"}, "/api/hello", 404),
    ({"base_path": "/shop", "api_prefix": "/v1"}, "/shop/v1", 200),
]


@pytest.mark.parametrize(("settings", "target", "status"), PREFIXES)
def test_the_tree_can_be_moved(tmp_path: Path, settings: dict[str, Any], target: str, status: int) -> None:
    assert call(App(project(tmp_path, FILES), **settings), target=target).status == status


def mounted(app: App, script_name: str, path_info: str, raw: str | None) -> Answer:
    return call(app, target="", SCRIPT_NAME=script_name, PATH_INFO=path_info, RAW_URI=raw)


MOUNTS = [
    ("/v1", "/api/users/1", "/v1/api/users/1", "1"),
    ("/v1", "/api/users/a/b", "/v1/api/users/a%2Fb", "a/b"),
    ("/a b", "/api/users/a/b", "/a%20b/api/users/a%2Fb", "a/b"),
    ("/a/b", "/api/users/x", "/a/b/api/users/x", "x"),
    ("/v1", "/api/users/1", None, "1"),
    # a target that does not agree, because something rewrote the path, says nothing
    ("", "/api/users/1", "/elsewhere/a%2Fb", "1"),
    ("/v1", "/api/users/1", "/%761/api/users/1", "1"),
]


@pytest.mark.parametrize(("script_name", "path_info", "raw", "identifier"), MOUNTS)
def test_a_mount_is_honoured(
    app: App, script_name: str, path_info: str, raw: str | None, identifier: str
) -> None:
    assert mounted(app, script_name, path_info, raw).json() == [{"id": identifier}]


def test_a_redirect_keeps_the_mount(app: App) -> None:
    answer = mounted(app, "/v 1", "/api/hello/", "/v%201/api/hello/")
    assert answer.header("Location") == "/v%201/api/hello"


@pytest.mark.parametrize("script_name", ["//evil.com", "/\\evil.com", "/"])
def test_a_redirect_never_leaves_the_host(app: App, script_name: str) -> None:
    location = mounted(app, script_name, "/api/hello/", None).header("Location")
    assert location is not None
    assert location[1:2] not in ("/", "\\")


@pytest.mark.parametrize("raw", [None, "", "/api/users/%ff"])
def test_malformed_utf8_is_400_on_every_server(app: App, raw: str | None) -> None:
    """Some servers give no target, and Werkzeug's replaces the bytes in PATH_INFO."""
    assert mounted(app, "", "/api/users/\xff", raw).status == 400


def test_a_replaced_byte_is_seen_in_the_target(app: App) -> None:
    replaced = "/api/users/\N{REPLACEMENT CHARACTER}".encode().decode("latin-1")
    assert mounted(app, "", replaced, "/api/users/%ff").status == 400


def test_without_the_raw_target_a_percent_sign_is_literal(app: App) -> None:
    assert mounted(app, "", "/api/users/%zz", None).json() == [{"id": "%zz"}]


def test_another_name_for_the_target_is_read_too(app: App) -> None:
    answer = call(app, target="", PATH_INFO="/api/users/a/b", RAW_URI=None, REQUEST_URI="/api/users/a%2Fb")
    assert answer.json() == [{"id": "a/b"}]


@pytest.mark.parametrize(
    "target",
    ["/", "/other", "/api/nope", "/api/users/../x", "/api/nope/%FF", "/%00", "/api/nope%00", "/api/files/"],
)
def test_a_path_without_a_route_reaches_the_fallback_untouched(tmp_path: Path, target: str) -> None:
    seen: list[dict[str, Any]] = []

    def fallback(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append({**environ, "content": environ["wsgi.input"].read()})
        start_response("202 Accepted", [("X-Fallback", "1")])
        return [b"fallback"]

    app = App(project(tmp_path, FILES), fallback=fallback)
    answer = call(app, "POST", target, body=b"content")
    assert (answer.status, answer.header("X-Fallback"), answer.body) == (202, "1", b"fallback")
    assert seen[0]["content"] == b"content"
    assert not [key for key in seen[0] if key.startswith("apiroutes")]


def test_a_bad_path_of_a_route_is_refused_despite_a_fallback(tmp_path: Path) -> None:
    def fallback(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise AssertionError("not to be called")

    app = App(project(tmp_path, FILES), fallback=fallback)
    assert call(app, target="/api/users/%FF").status == 400


METHODS = [
    ("GET", 200),
    ("PURGE", 200),
    ("VERSION-CONTROL", 200),
    ("get", 400),
    ("Post", 400),
    ("GET ", 400),
    ("GE\nT", 400),
    ("", 400),
    ("ÿ", 400),
    ("A" * 33, 400),
]


@pytest.mark.parametrize(("method", "status"), METHODS)
def test_a_method_is_a_token_in_upper_case(app: App, method: str, status: int) -> None:
    assert call(app, method, "/api/hello").status == status


# -- how long a target may be

LONG = "x" * 100
SIZES: list[tuple[str, int]] = [
    ("/api/users/" + "x" * 89, 200),
    ("/api/users/" + "x" * 90, 414),
    ("/api/users/" + "x-" * 44 + "x", 200),
    ("/api/users/" + "x-" * 45, 414),
    ("/api/hello?" + "x" * 89, 200),
    ("/api/hello?" + "x" * 90, 414),
    ("/api/users/1?" + "x" * 87, 200),
    ("/api/users/1?" + "x" * 88, 414),
    ("/api/hello?" + "%20" * 29 + "xx", 200),
    ("/api/hello?" + "%20" * 30, 414),
    ("/api/users/" + "%41" * 29 + "xx", 200),
    ("/api/users/" + "%41" * 30, 414),
    ("/api/users/" + "%" * 90, 414),
    ("/api/users/" + "%zz" * 30, 414),
    ("/api/hello" + "/" * 91, 414),
    ("/api/files/" + "a/" * 45, 414),
    ("/api/nope/" + LONG, 414),
    ("/api/nope?" + LONG, 414),
    ("/" + "%" * 100, 414),
    ("//" + LONG, 414),
]


@pytest.mark.parametrize(("target", "status"), SIZES)
@pytest.mark.parametrize("is_given", [True, False])
def test_a_target_has_a_size(tmp_path: Path, target: str, status: int, is_given: bool) -> None:
    app = App(project(tmp_path, FILES), max_target_size=100)
    if not is_given and "%41" in target:
        pytest.skip("what the server decoded is shorter")
    without: Extra = {} if is_given else {"RAW_URI": None}
    answer = call(app, target=target, **without)
    assert (answer.status, answer.body if status == 414 else b"URI Too Long") == (status, b"URI Too Long")


def test_a_target_has_8_kb_by_default(app: App) -> None:
    targets = ["/api/users/" + "x" * (2**13 - 11 + more) for more in (0, 1)]
    assert [call(app, target=target).status for target in targets] == [200, 414]


def test_a_target_counts_with_where_the_app_is_mounted(tmp_path: Path) -> None:
    app = App(project(tmp_path, FILES), max_target_size=100)
    raw = "/v1/api/users/" + "%41" * 29
    assert mounted(app, "/v1", "/api/users/" + "A" * 29, raw).status == 414


@pytest.mark.parametrize("count", [100_000, 1_000_000])
def test_a_long_target_is_not_decoded(app: App, count: int) -> None:
    asked = "/api/users/" + "%" * count
    tracemalloc.start()
    try:
        assert call(app, target="", PATH_INFO=asked, RAW_URI=asked).status == 414
        assert tracemalloc.get_traced_memory()[1] < 2**16
    finally:
        tracemalloc.stop()


FALLBACK = [
    ("/other/" + LONG, 202),
    ("/other/" + "%zz" * 50, 202),
    ("/other?" + LONG, 202),
    ("/" + "%" * 100, 202),
    ("/api/nope/" + LONG, 202),
    ("/api/users/" + LONG, 414),
    ("/api/users/" + "%20" * 50, 414),
    ("/api/hello?" + LONG, 414),
]


@pytest.mark.parametrize(("target", "status"), FALLBACK)
def test_a_long_target_without_a_route_reaches_the_fallback(tmp_path: Path, target: str, status: int) -> None:
    def fallback(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("202 Accepted", [])
        return [b""]

    app = App(project(tmp_path, FILES), fallback=fallback, max_target_size=100)
    assert call(app, target=target).status == status


def test_middleware_runs_around_a_target_that_is_too_long(tmp_path: Path) -> None:
    def header(req: Any, res: Any, next: Any) -> None:
        next()
        res.set_header("X-Status", str(res.status_code))

    app = App(project(tmp_path, FILES), middleware=[header], max_target_size=100)
    for target in ("/api/users/" + LONG, "/api/users/" + "%zz" * 50):
        assert call(app, target=target).header("X-Status") == "414"
