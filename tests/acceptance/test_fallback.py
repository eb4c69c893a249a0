"""Requests outside the routes go unchanged to the fallback, or to the application around a mount."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from werkzeug.test import Client as WerkzeugClient

from apiroutes import App
from tests.acceptance.applications import PROJECT, mounted
from tests.support import call, environ, exchange

NOT_OURS = [
    "/",
    "/elsewhere?q=%zz&a=1;b",
    "/API/hello",
    "/apis/hello",
    "//example.com/x",
    "/x/../y/./z//",
    "/%2e%2e/%00%0d%0a",
    "/%ff%zz",
    "/api/nothing",
    "/api/nothing/",
    "/api/_db",
]


@pytest.mark.parametrize("target", NOT_OURS)
def test_the_fallback_gets_the_environ_unchanged(target: str) -> None:
    seen: list[dict[str, Any]] = []

    def fallback(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.append(dict(environ))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read()]

    given = environ("POST", target, [("X-Test", "1")], b"body")
    before = dict(given)
    assert exchange(App(PROJECT, fallback=fallback), given).body == b"body"
    assert seen == [before]


def test_our_routes_win_over_the_fallback() -> None:
    def fallback(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise AssertionError("the fallback was called")

    assert call(App(PROJECT, fallback=fallback), "GET", "/api/hello").status == 200


def test_an_application_around_a_mount_keeps_its_pages() -> None:
    assert WerkzeugClient(mounted()).get("/elsewhere?a=1").text == "GET /elsewhere?a=1"


def test_a_path_without_a_route_below_the_mount_is_404() -> None:
    assert WerkzeugClient(mounted()).get("/v1/elsewhere").status_code == 404
