"""Origins: one spelling for all, and whether a page is of the site that is asked."""

from __future__ import annotations

import pytest

from apiroutes.http import canonical_origin, is_own_origin

SPELLINGS = [
    ("https://example.com", "https://example.com"),
    ("HTTPS://Example.COM", "https://example.com"),
    ("https://example.com:443", "https://example.com"),
    ("http://example.com:80", "http://example.com"),
    ("https://example.com:80", "https://example.com:80"),
    ("https://example.com.", "https://example.com"),
    ("https://bücher.example", "https://xn--bcher-kva.example"),
    ("https://[::1]:8443", "https://[::1]:8443"),
    ("https://[0:0:0:0:0:0:0:1]", "https://[::1]"),
    ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
    ("capacitor://localhost", "capacitor://localhost"),
    ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
]


@pytest.mark.parametrize(("text", "canonical"), SPELLINGS)
def test_an_origin_has_one_spelling(text: str, canonical: str) -> None:
    assert canonical_origin(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "*",
        "example.com",
        "//example.com",
        "https://",
        "https:///",
        "https:/example.com",
        "https://example.com/",
        "https://example.com/path",
        "https://example.com?",
        "https://example.com#",
        "https://user@example.com",
        "https://*.example.com",
        "https://example..com",
        "https://example.com:",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:443443",
        "https://::1",
        "https://[::1",
        "https://[::1%25eth0]",
        "https://[127.0.0.1]",
        "https://[example]",
        "https://example.com https://other.example",
        "https://example.com,https://other.example",
        "https://example.com\n",
        " https://example.com",
        "https://" + "a" * 300 + ".example",
    ],
)
def test_another_text_is_no_origin(text: str) -> None:
    assert canonical_origin(text) is None


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("https://example.com", "example.com", True),
        ("http://example.com", "example.com", True),
        ("https://example.com", "EXAMPLE.com", True),
        ("https://example.com", "example.com:443", True),
        ("http://example.com", "example.com:80", True),
        ("https://example.com", "example.com:80", False),
        ("https://example.com:8443", "example.com:8443", True),
        ("https://example.com:8443", "example.com", False),
        ("https://example.com", "example.com:8443", False),
        ("https://[::1]", "[0:0::1]", True),
        ("https://[::1]:8000", "[::1]:8000", True),
        ("https://[::1]:8000", "[::1]", False),
        ("https://example.com.", "example.com", True),
        ("ftp://example.com", "example.com", False),
        ("app://example.com", "example.com", False),
        ("https://b\xfccher.example", "xn--bcher-kva.example", False),
        ("https://example.com", "", False),
        ("https://example.com", "example.com,example.com", False),
        ("null", "null", False),
    ],
)
def test_a_page_is_of_the_site_of_its_host_and_port(origin: str, host: str, is_own: bool) -> None:
    assert is_own_origin(origin, host) is is_own
