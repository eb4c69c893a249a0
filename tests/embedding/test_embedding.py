"""Flask, Django and Pyramid with our routes in front, inside and both: each part serves its own paths."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.acceptance.client import OverHttp
from tests.acceptance.servers import gunicorn, serve
from tests.embedding.ours import write
from tests.support import Answer, WSGIApplication, call, environ

FRAMEWORKS = ["flask_site", "django_site", "pyramid_site"]
# The forms of combination, with the prefixes of our routes.
FORMS = {"in_front": [""], "mounted": ["/v1"], "both": ["", "/v1"]}

JSON = [("Content-Type", "application/json")]
NOTHING_OF_THEIRS = (404, b"their site has no such page")


class Combined(NamedTuple):
    """One framework and us."""

    module: str
    form: str
    root: Path
    application: WSGIApplication


@pytest.fixture(scope="module", params=[f"{name}:{form}" for name in FRAMEWORKS for form in FORMS])
def combined(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Combined:
    name, form = request.param.split(":")
    root = write(tmp_path_factory.mktemp(form), name)
    make: Callable[[Path], WSGIApplication] = getattr(_module(name), form)
    return Combined(name, form, root, make(root))


def _module(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)  # Pyramid's webob
        return importlib.import_module(f"tests.embedding.{name}")


def _set_cookies(answer: Answer) -> list[str]:
    return [cookie.split(";")[0].strip() for cookie in answer.all("Set-Cookie")]


def _each(combined: Combined, method: str, path: str, **request: Any) -> Iterator[tuple[str, Answer]]:
    """Send a request to our routes below each of their prefixes."""
    for prefix in FORMS[combined.form]:
        yield prefix, call(combined.application, method, prefix + path, **request)


# -- ours


def test_our_path_reaches_our_route(combined: Combined) -> None:
    for _, answer in _each(combined, "GET", "/api/hello"):
        assert answer.json() == {"message": "Hello from ours"}


def test_our_path_gets_the_body_and_the_mount(combined: Combined) -> None:
    for prefix, answer in _each(combined, "POST", "/api/echo", headers=JSON, body=b"[1]"):
        assert answer.json() == {"ours": [1], "root": prefix}


def test_our_path_keeps_an_encoded_slash_in_its_segment(combined: Combined) -> None:
    for _, answer in _each(combined, "GET", "/api/users/a%2Fb"):
        assert answer.json() == {"id": "a/b"}


def test_our_path_can_have_text_beyond_ascii(combined: Combined) -> None:
    for _, answer in _each(combined, "GET", "/api/users/caf%C3%A9"):
        assert answer.json() == {"id": "café"}


def test_our_path_gets_and_sets_cookies(combined: Combined) -> None:
    for _, answer in _each(combined, "GET", "/api/cookies", headers=[("Cookie", "a=1; b=2")]):
        assert answer.json() == {"a": "1", "b": "2"}
        assert _set_cookies(answer) == ["first=1", "second=2"]


def test_a_method_without_a_handler_is_our_405(combined: Combined) -> None:
    for _, answer in _each(combined, "POST", "/api/hello"):
        assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD, OPTIONS")


def test_head_has_no_content(combined: Combined) -> None:
    for _, answer in _each(combined, "HEAD", "/api/hello"):
        assert (answer.status, answer.header("Content-Length"), answer.body) == (200, "29", b"")


def test_a_trailing_slash_is_redirected_below_the_mount(combined: Combined) -> None:
    for prefix, answer in _each(combined, "GET", "/api/hello/?a=1"):
        location = urlsplit(answer.header("Location") or "")
        assert (answer.status, location.path, location.query) == (308, f"{prefix}/api/hello", "a=1")
        assert location.hostname in (None, "localhost")


def test_a_matching_etag_is_304(combined: Combined) -> None:
    for prefix, answer in _each(combined, "GET", "/api/hello"):
        etag = [("If-None-Match", answer.header("ETag") or "")]
        assert call(combined.application, "GET", f"{prefix}/api/hello", headers=etag).status == 304


def test_a_stream_is_closed_when_the_server_stops_reading(combined: Combined) -> None:
    closed = combined.root / "pages/api/closed"
    for prefix in FORMS[combined.form]:
        closed.unlink(missing_ok=True)
        answer = combined.application(environ("GET", f"{prefix}/api/ticks"), lambda *head: None)
        assert next(iter(answer)) == b"data: tick\n\n"
        assert not closed.exists()
        answer.close()  # type: ignore[attr-defined]
        assert closed.read_text() == "closed"


# -- theirs

THEIRS = [
    ("GET", "/echo/x", b""),
    ("GET", "/echo/a%2Fb%20c?q=%zz&a=1;b", b""),
    ("GET", "/echo/caf%C3%A9", b""),
    ("POST", "/echo/x", b"[1, 2]"),
    ("POST", "/echo/x?a=1", b"x" * 10_000),  # webob leaves larger ones in an open file
    ("GET", "/echo", b""),
    ("GET", "/", b""),
    ("GET", "/nowhere", b""),
    ("POST", "/nowhere/", b"body"),
    ("GET", "/API/hello", b""),
]


@pytest.mark.parametrize(("method", "target", "body"), THEIRS)
@pytest.mark.parametrize("mount", ["", "/site"])
def test_their_path_responds_as_without_us(
    combined: Combined, method: str, target: str, body: bytes, mount: str
) -> None:
    request: dict[str, Any] = {"headers": JSON, "body": body, "SCRIPT_NAME": mount, "RAW_URI": mount + target}
    alone = call(_module(combined.module).site(), method, target, **request)
    with_us = call(combined.application, method, target, **request)
    assert (with_us.status, with_us.headers, with_us.body) == (alone.status, alone.headers, alone.body)


def test_their_path_gets_its_environ_and_body(combined: Combined) -> None:
    answer = call(combined.application, "POST", "/echo/x?a=1", headers=JSON, body=b"[1]")
    assert answer.json() == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/echo/x",
        "QUERY_STRING": "a=1",
        "RAW_URI": "/echo/x?a=1",
        "CONTENT_TYPE": "application/json",
        "body": "[1]",
    }


@pytest.mark.parametrize("target", ["/", "/nowhere", "/API/hello", "/apis/hello"])
def test_an_unknown_path_gets_their_404(combined: Combined, target: str) -> None:
    answer = call(combined.application, "GET", target)
    assert (answer.status, answer.body) == NOTHING_OF_THEIRS


@pytest.mark.parametrize("target", ["/api", "/api/nothing", "/api/nothing/", "/api/_hello"])
def test_an_unknown_path_below_our_prefix_gets_their_404(combined: Combined, target: str) -> None:
    answer = call(combined.application, "GET", target)
    assert (answer.status, answer.body) == NOTHING_OF_THEIRS


def test_an_unknown_path_below_the_mount_gets_our_404(combined: Combined) -> None:
    if "/v1" in FORMS[combined.form]:
        answer = call(combined.application, "GET", "/v1/api/nothing")
        assert (answer.status, answer.body) == (404, b"Not Found")


def test_their_path_sets_several_cookies(combined: Combined) -> None:
    answer = call(combined.application, "GET", "/cookies")
    assert _set_cookies(answer) == ["first=1", "second=2"]


def _cookie(answer: Answer) -> list[tuple[str, str]]:
    return [("Cookie", "; ".join(_set_cookies(answer)))]


def test_their_session_continues(combined: Combined) -> None:
    first = call(combined.application, "GET", "/visits")
    second = call(combined.application, "GET", "/visits", headers=_cookie(first))
    assert (first.body, second.body) == (b"1", b"2")


# -- a handler of ours that returns their application


def test_a_handler_passes_on_the_request_with_its_body(combined: Combined) -> None:
    for prefix, answer in _each(combined, "POST", "/api/theirs/echo?a=1", headers=JSON, body=b'{"a": 1}'):
        seen = answer.json()
        assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == (prefix, "/api/theirs/echo")
        assert (seen["QUERY_STRING"], seen["body"]) == ("a=1", '{"a": 1}')


MULTIPART = [("Content-Type", "multipart/form-data; boundary=XX")]
FORM = b'--XX\r\nContent-Disposition: form-data; name="a"; filename="a.txt"\r\n\r\n1\r\n--XX--\r\n'


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, b"[1]"),
        (JSON, b"{"),  # their application must refuse it
        (MULTIPART, FORM),
        ([("Content-Type", "application/x-www-form-urlencoded")], b"a=1&b=%20"),
    ],
)
def test_a_handler_passes_on_a_body_that_is_not_parsed(
    combined: Combined, headers: list[tuple[str, str]], body: bytes
) -> None:
    for _, answer in _each(combined, "POST", "/api/theirs/unparsed", headers=headers, body=body):
        assert answer.json()["body"] == body.decode()


def test_a_handler_passes_on_to_their_404(combined: Combined) -> None:
    for _, answer in _each(combined, "GET", "/api/theirs/nothing"):
        assert (answer.status, answer.body) == NOTHING_OF_THEIRS


def test_their_session_continues_behind_a_handler(combined: Combined) -> None:
    first = call(combined.application, "GET", "/visits")
    for _, answer in _each(combined, "GET", "/api/theirs/visits", headers=_cookie(first)):
        assert answer.body == b"2"


# -- over sockets

EXCHANGES: list[tuple[str, str, bytes]] = [
    *[
        (method, prefix + path, body)
        for prefix in ("", "/v1")
        for method, path, body in [
            ("GET", "/api/hello", b""),
            ("HEAD", "/api/hello", b""),
            ("POST", "/api/echo", b'{"a": "\xc3\xa9"}'),
            ("POST", "/api/echo", b"{"),
            ("GET", "/api/users/a%2Fb", b""),
            ("GET", "/api/hello/?a=1", b""),
            ("GET", "/api/nothing", b""),
            ("POST", "/api/theirs/echo?a=1", b'{"a": 1}'),
            ("POST", "/api/theirs/unparsed", b"{"),
            ("GET", "/api/theirs/nothing", b""),
            ("GET", "/api/ticks", b""),
        ]
    ],
    *THEIRS,
]


@pytest.mark.costly
def test_gunicorn_gives_the_same_responses(combined: Combined, tmp_path: Path) -> None:
    application = f"tests.embedding.{combined.module}:{combined.form}({str(combined.root)!r})"
    headers = {**dict(JSON), "Host": "localhost"}
    actual, expected = [], []
    with serve(gunicorn(application, "--threads=2", "--worker-class=gthread"), tmp_path / "log", {}) as port:
        for method, target, body in EXCHANGES:
            over_http = OverHttp(port)(method, target, headers, body)
            actual.append((method, target, over_http.status, over_http.header("Location"), over_http.body))
    for method, target, body in EXCHANGES:
        here = call(combined.application, method, target, headers=headers.items(), body=body)
        content = b"" if method == "HEAD" else here.body  # a server drops the content of a response to HEAD
        expected.append((method, target, here.status, here.header("Location"), content))
    assert actual == expected
