"""Host names in one spelling."""

from __future__ import annotations

import pytest

from apiroutes.http.hosts import canonical_host, is_address, requested_host

NAMES = [
    ("Example.COM", "example.com"),
    ("example.com.", "example.com"),
    ("bücher.example", "xn--bcher-kva.example"),
    ("BÜCHER。example", "xn--bcher-kva.example"),
    ("my_service", "my_service"),
    ("127.0.0.1", "127.0.0.1"),
    ("::1", "::1"),
    ("[::1]", "::1"),
    ("[0:0:0:0:0:0:0:1]", "::1"),
]


@pytest.mark.parametrize(("name", "canonical"), NAMES)
def test_a_host_has_one_spelling(name: str, canonical: str) -> None:
    assert canonical_host(name) == canonical


@pytest.mark.parametrize("name", ["", ".", "a..b", "a b", "a/b", "a@b", "[a]", "*.a", "a" * 64])
def test_a_name_that_no_host_can_have_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        canonical_host(name)


# a Host header: the host that it names
SENT = [
    ("example.com", "example.com"),
    ("EXAMPLE.com:8000", "example.com"),
    ("[::1]:8000", "::1"),
    ("a:65535", "a"),
    ("a:65536", None),
    ("a:0", None),
    ("a:", None),
    ("a:b", None),
    ("", None),
    ("a, b", None),
    ("user@a", None),
    ("bücher.example", None),
]


@pytest.mark.parametrize(("sent", "host"), SENT)
def test_a_host_header_names_a_host_or_none(sent: str, host: str | None) -> None:
    assert requested_host(sent) == host


@pytest.mark.parametrize(
    ("text", "expected"), [("::1", True), ("1.2.3.4", True), ("[::1]", False), ("a", False)]
)
def test_an_address_is_recognized(text: str, expected: bool) -> None:
    assert is_address(text) is expected
