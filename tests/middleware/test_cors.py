"""`cors`: allowed origins, preflights and Vary (the Fetch standard, section 3.2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from apiroutes.middleware import (
    cors,
)
from tests.middleware.shown import respond_through
from tests.support import Extra

ORIGIN = "https://example.com"
PREFLIGHT = [("Origin", ORIGIN), ("Access-Control-Request-Method", "PUT")]
ALLOW = "Access-Control-Allow-Origin"

ORIGINS = [
    ({"origins": "*"}, ORIGIN, "*", None),
    ({"origins": "*"}, None, None, None),
    ({"origins": [ORIGIN]}, ORIGIN, ORIGIN, "Origin"),
    ({"origins": [ORIGIN]}, "https://evil.example", None, "Origin"),
    ({"origins": [ORIGIN]}, "null", None, "Origin"),
    ({"origins": [ORIGIN]}, None, None, "Origin"),
    ({"origins": ["http://localhost:3000", ORIGIN], "credentials": True}, ORIGIN, ORIGIN, "Origin"),
]


@pytest.mark.parametrize(("options", "origin", "allowed", "vary"), ORIGINS)
def test_an_allowed_origin_may_read(
    tmp_path: Path, options: dict[str, Any], origin: str | None, allowed: str | None, vary: str | None
) -> None:
    answer = respond_through(tmp_path, cors(**options), HTTP_ORIGIN=origin)
    assert (answer.status, answer.header(ALLOW), answer.header("Vary")) == (200, allowed, vary)


def test_credentials_are_allowed_to_named_origins_only(tmp_path: Path) -> None:
    answer = respond_through(tmp_path, cors([ORIGIN], credentials=True), HTTP_ORIGIN=ORIGIN)
    assert answer.header("Access-Control-Allow-Credentials") == "true"


def test_a_preflight_is_answered_before_the_handler(tmp_path: Path) -> None:
    headers = [*PREFLIGHT, ("Access-Control-Request-Headers", "x-a, content-type")]
    answer = respond_through(tmp_path, cors([ORIGIN], max_age=5), method="OPTIONS", headers=headers)
    assert (answer.status, answer.body, answer.header("Allow")) == (204, b"", None)
    assert answer.header("Access-Control-Allow-Methods") == "GET, HEAD, POST, PUT, PATCH, DELETE"
    assert answer.header("Access-Control-Allow-Headers") == "x-a, content-type"
    assert answer.header("Access-Control-Max-Age") == "5"
    assert answer.header("Vary") == "Origin, Access-Control-Request-Headers"


def test_named_headers_are_allowed_and_exposed(tmp_path: Path) -> None:
    middleware = cors("*", allow_headers=["X-A"], expose_headers=["X-B", "X-C"])
    preflight = respond_through(tmp_path, middleware, method="OPTIONS", headers=PREFLIGHT)
    assert preflight.header("Access-Control-Allow-Headers") == "X-A"
    answer = respond_through(tmp_path, middleware, HTTP_ORIGIN=ORIGIN)
    assert answer.header("Access-Control-Expose-Headers") == "X-B, X-C"


@pytest.mark.parametrize(
    "headers", [[("Origin", ORIGIN)], [("Origin", "https://evil.example"), PREFLIGHT[1]]]
)
def test_other_requests_than_preflights_of_allowed_origins_go_on(
    tmp_path: Path, headers: list[tuple[str, str]]
) -> None:
    answer = respond_through(tmp_path, cors([ORIGIN]), method="OPTIONS", headers=headers)
    assert answer.header("Allow") == "GET, HEAD, OPTIONS, POST, PUT"


def test_the_response_to_a_fault_can_be_read_too(tmp_path: Path) -> None:
    answer = respond_through(tmp_path, cors([ORIGIN]), method="POST", HTTP_ORIGIN=ORIGIN)
    assert (answer.status, answer.header(ALLOW)) == (500, ORIGIN)


def test_origin_is_added_to_vary(tmp_path: Path) -> None:
    def vary(req: Any, res: Any, next: Any) -> None:
        res.set_header("Vary", ["Accept", "Cookie"])
        next()

    assert respond_through(tmp_path, vary, cors([ORIGIN])).all("Vary") == ["Accept, Cookie, Origin"]


def test_vary_is_compared_by_whole_members(tmp_path: Path) -> None:
    def vary(req: Any, res: Any, next: Any) -> None:
        res.set_header("Vary", "X-Original-Host")
        next()

    assert respond_through(tmp_path, vary, cors([ORIGIN])).all("Vary") == ["X-Original-Host, Origin"]


@pytest.mark.parametrize("present", ["origin", "Accept,ORIGIN", "Accept ,\torigin , Cookie"])
def test_vary_is_added_once_in_any_letter_case(tmp_path: Path, present: str) -> None:
    def vary(req: Any, res: Any, next: Any) -> None:
        res.set_header("Vary", present)
        next()

    (line,) = respond_through(tmp_path, vary, cors([ORIGIN])).all("Vary")
    assert line.lower().count("origin") == 1


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        ("x-a,x-b", "x-a, x-b"),
        ("x-a\x01, x-b", "x-b"),
        ("x-\x0ba, x-b", "x-b"),
        ("x-a\x7f", None),
        ("x-\xe9, x-b", "x-b"),
        ("x a, x-b", "x-b"),
        (", ,", None),
        ("x-a\r\nSet-Cookie: a=b, x-b", "x-b"),
    ],
)
def test_only_tokens_of_the_requested_headers_are_allowed(
    tmp_path: Path, asked: str, allowed: str | None
) -> None:
    environ = Extra({"HTTP_ACCESS_CONTROL_REQUEST_HEADERS": asked})
    answer = respond_through(tmp_path, cors("*"), method="OPTIONS", headers=PREFLIGHT, **environ)
    assert (answer.status, answer.header("Access-Control-Allow-Headers")) == (204, allowed)


@pytest.mark.parametrize("method", ["PUT\x01", "\x7f", "\xe9", ""])
def test_a_preflight_for_any_method_is_answered(tmp_path: Path, method: str) -> None:
    environ = Extra({"HTTP_ACCESS_CONTROL_REQUEST_METHOD": method})
    answer = respond_through(tmp_path, cors("*"), method="OPTIONS", HTTP_ORIGIN=ORIGIN, **environ)
    assert answer.status == 204


@pytest.mark.parametrize(
    ("origins", "credentials"),
    [
        ("*", True),
        (["*"], True),
        (ORIGIN, False),
        ([f"{ORIGIN}/"], False),
        (["example.com"], False),
        (["*", "x"], False),
    ],
)
def test_origins_that_browsers_would_refuse_are_mistakes(origins: Any, credentials: bool) -> None:
    with pytest.raises(ValueError, match="origin"):
        cors(origins, credentials=credentials)
