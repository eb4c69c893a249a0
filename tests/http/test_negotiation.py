"""The kind of content that an Accept header prefers."""

from __future__ import annotations

import pytest

from apiroutes.http.negotiation import prefers_html, prefers_json, prefers_text

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

# an Accept header: whether it prefers JSON to text, text to JSON, HTML to plain text
ACCEPTS = [
    (None, False, False, False),
    ("", False, False, False),
    ("*/*", False, False, False),
    ("application/json", True, False, False),
    ("APPLICATION/JSON", True, False, False),
    ("application/problem+json", True, False, False),
    ("text/plain", False, True, False),
    ("text/html", False, True, True),
    (BROWSER, False, True, True),
    ("text/html;q=0.4, text/plain;q=0.5", False, True, False),
    ("text/plain;q=0.5, application/json;q=0.4", False, True, False),
    ("text/plain;q=0.4, application/json;q=0.5", True, False, False),
    ("application/json, text/plain", False, False, False),
    ("application/json;q=0.5, */*;q=0.1", True, False, False),
    ("image/png", False, False, False),
    ("application/json" + "," * 1000, False, False, False),
]


@pytest.mark.parametrize(("accept", "json", "text", "html"), ACCEPTS)
def test_an_accept_header_prefers_a_kind(accept: str | None, json: bool, text: bool, html: bool) -> None:
    assert (prefers_json(accept), prefers_text(accept), prefers_html(accept)) == (json, text, html)
