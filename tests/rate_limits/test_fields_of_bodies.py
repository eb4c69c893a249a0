"""Limits by a field of the body, such as the account that somebody tries to sign in to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rate_limits.limited import limited_app
from tests.support import Answer, app_of, call

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
ANN = (JSON, b'{"email": "ann@example.com"}')


def part(content: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n{content}\r\n--b--\r\n'.encode()


def post(app: object, kind: str, body: bytes, address: str) -> Answer:
    headers = [("Content-Type", kind)] if kind else []
    return call(app, "POST", headers=headers, body=body, REMOTE_ADDR=address)  # type: ignore[arg-type]


SAME = [
    ANN,
    (JSON, b'{"email": "ANN@Example.com", "more": 1}'),
    (JSON, b'{"email": "  ann@example.com\\n"}'),
    (JSON, b'{"email": "bob", "email": "ann@example.com"}'),
    (FORM, b"email=ann%40example.com"),
    (FORM, b"x=1&email=+Ann@example.com+"),
    (MULTIPART, part("Ann@Example.com")),
]
OTHERS = [
    (JSON, b'{"email": "bob@example.com"}'),
    (JSON, b'{"Email": "ann@example.com"}'),
    (FORM, b"mail=ann%40example.com"),
]
# What has no text there.
WITHOUT = [
    ("", b""),
    (JSON, b"{}"),
    (JSON, b"[1]"),
    (JSON, b"null"),
    (JSON, b'"email"'),
    (JSON, b'{"email": null}'),
    (JSON, b'{"email": 5}'),
    (JSON, b'{"email": ["ann@example.com"]}'),
    (JSON, b'{"email": {"a": 1}}'),
    (JSON, b'{"email": ""}'),
    (JSON, b'{"email": " \\t"}'),
    (FORM, b"other=1"),
    (FORM, b"email=ann%40example.com&email=bob"),
    ("text/plain", b"email"),
    ("application/octet-stream", b"email"),
]


@pytest.mark.parametrize(("kind", "body"), SAME)
def test_a_text_counts_as_one_from_everywhere(tmp_path: Path, kind: str, body: bytes) -> None:
    app = limited_app(tmp_path, "'1/hour', by='body.email'")
    assert [post(app, *ANN, "10.0.0.1").status, post(app, kind, body, "10.0.0.2").status] == [200, 429]


@pytest.mark.parametrize(("kind", "body"), OTHERS)
def test_another_text_counts_as_another(tmp_path: Path, kind: str, body: bytes) -> None:
    app = limited_app(tmp_path, "'1/hour', by='body.email'")
    assert [post(app, *ANN, "10.0.0.1").status, post(app, kind, body, "10.0.0.1").status] == [200, 200]


@pytest.mark.parametrize(("kind", "body"), WITHOUT)
def test_a_body_without_it_counts_by_address(tmp_path: Path, kind: str, body: bytes) -> None:
    app = limited_app(tmp_path, "'1/hour', by='body.email'")
    addresses = ["10.0.0.1", "10.0.0.1", "10.0.0.2"]
    assert [post(app, kind, body, address).status for address in addresses] == [200, 429, 200]


def test_a_text_is_no_address(tmp_path: Path) -> None:
    app = limited_app(tmp_path, "'1/hour', by='body.email'")
    body = b'{"email": "10.0.0.1"}'
    assert [post(app, JSON, body, "10.0.0.1").status, post(app, JSON, b"{}", "10.0.0.1").status] == [200, 200]


@pytest.mark.parametrize("body", [b'{"email": ', b'{"email": "\xff"}'])
def test_a_body_that_cannot_be_read_is_refused(tmp_path: Path, body: bytes) -> None:
    assert post(limited_app(tmp_path, "'1/hour', by='body.email'"), JSON, body, "10.0.0.1").status == 400


def test_config_takes_it(tmp_path: Path) -> None:
    source = "config = {'rateLimit': {'limit': '1/hour', 'by': 'body.a b'}}\ndef POST(): return 1\n"
    app = app_of(tmp_path, source, rate_limit_store="memory")
    bodies = [b'{"a b": "x"}', b'{"a b": "X"}', b'{"a b": "y"}']
    assert [post(app, JSON, body, "10.0.0.1").status for body in bodies] == [200, 429, 200]


@pytest.mark.parametrize("by", ["body", "body.", "body. ", "bodyemail", "Body.email"])
def test_a_field_has_a_name(by: str) -> None:
    from apiroutes.middleware import rate_limit

    with pytest.raises(ValueError, match=r'by: .* is not one of .*"body\.NAME"'):
        rate_limit("1/hour", by=by)
