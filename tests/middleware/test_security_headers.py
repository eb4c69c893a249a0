"""`security_headers`: the defaults, changes to them, and HSTS."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes.middleware import (
    security_headers,
)
from tests.middleware.shown import respond_through


def test_security_headers_are_set_and_can_be_changed(tmp_path: Path) -> None:
    answer = respond_through(
        tmp_path, security_headers({"x-frame-options": None, "Referrer-Policy": "origin"})
    )
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert (answer.header("X-Frame-Options"), answer.header("Referrer-Policy")) == (None, "origin")


@pytest.mark.parametrize(("scheme", "sent"), [("https", "max-age=60; includeSubDomains"), ("http", None)])
def test_hsts_is_sent_over_https_only(tmp_path: Path, scheme: str, sent: str | None) -> None:
    answer = respond_through(tmp_path, security_headers(hsts=60), **{"wsgi.url_scheme": scheme})
    assert answer.header("Strict-Transport-Security") == sent


def test_an_invalid_security_header_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="X-A"):
        security_headers({"X-A": "a\nb"})
