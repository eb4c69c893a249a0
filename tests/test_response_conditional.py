"""The ETag of a response, and conditional requests (RFC 9110 section 13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import respond

TAGGED = ["res.json([1])", "res.send('x')", "res.send(b'x')", "res.send([1])", "return [1]", "return 'x'"]
UNTAGGED = [
    "res.end('x')",
    "res.redirect('/x')",
    "res.send(iter('x'))",
    "res.write('x')",
    "res.send()",
    "1 / 0",
]


@pytest.mark.parametrize("line", TAGGED)
def test_a_response_carries_a_strong_etag(tmp_path: Path, line: str) -> None:
    etag = respond(tmp_path, line).header("ETag")
    assert etag is not None
    assert etag.startswith('"')
    assert len(etag) >= 2 + 16  # hexadecimal digits of 64 bits


@pytest.mark.parametrize("line", UNTAGGED)
def test_other_responses_carry_no_etag(tmp_path: Path, line: str) -> None:
    assert respond(tmp_path, line).header("ETag") is None


def test_the_handlers_own_etag_stays(tmp_path: Path) -> None:
    answer = respond(
        tmp_path, "res.set_header('ETag', 'W/\"mine\"').json(1)", headers=[("If-None-Match", '"mine"')]
    )
    assert (answer.status, answer.header("ETag")) == (304, 'W/"mine"')


MATCHES = [
    ("{}", 304),
    ("W/{}", 304),
    ('"a", {}', 304),
    ('"a",W/"b" , {}', 304),
    ("{},", 304),
    ("*", 304),
    (" * ", 304),
    ('"a"', 200),
    ('"a", "b"', 200),
    ("", 200),
    ("nonsense", 200),
    ('"*"', 200),
]


@pytest.mark.parametrize(("header", "status"), MATCHES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_is_compared(tmp_path: Path, method: str, header: str, status: int) -> None:
    etag = respond(tmp_path, "res.json([1])").header("ETag")
    headers = [("If-None-Match", header.format(etag))]
    answer = respond(tmp_path, "res.json([1])", method=method, headers=headers)
    assert (answer.status, answer.header("ETag")) == (status, etag)
    assert answer.body == (b"[1]" if (status, method) == (200, "GET") else b"")


def test_no_cache_gets_the_whole_response(tmp_path: Path) -> None:
    headers = [("If-None-Match", "*"), ("Cache-Control", "max-age=0, no-cache")]
    assert respond(tmp_path, "res.json([1])", headers=headers).status == 200


@pytest.mark.parametrize(("method", "status"), [("POST", 200), ("DELETE", 200), ("GET", 201), ("GET", 404)])
def test_only_get_and_head_of_a_200_are_conditional(tmp_path: Path, method: str, status: int) -> None:
    answer = respond(
        tmp_path, f"res.status({status}).json([1])", method=method, headers=[("If-None-Match", "*")]
    )
    assert answer.status == status


DATES = [
    ("Wed, 01 Jan 2020 00:00:00 GMT", None, 304),
    ("Wed, 01 Jan 2025 00:00:00 GMT", None, 304),
    ("Tue, 31 Dec 2019 23:59:59 GMT", None, 200),
    ("nonsense", None, 200),
    ("Wed, 01 Jan 2025 00:00:00 GMT", '"other"', 200),
]


@pytest.mark.parametrize(("since", "etag", "status"), DATES)
def test_if_modified_since_is_compared(tmp_path: Path, since: str, etag: str | None, status: int) -> None:
    headers = [("If-Modified-Since", since)] + ([("If-None-Match", etag)] if etag else [])
    lines = ["res.set_header('Last-Modified', 'Wed, 01 Jan 2020 00:00:00 GMT')", "res.json([1])"]
    assert respond(tmp_path, *lines, headers=headers).status == status


def test_without_last_modified_a_date_is_ignored(tmp_path: Path) -> None:
    headers = [("If-Modified-Since", "Wed, 01 Jan 2025 00:00:00 GMT")]
    assert respond(tmp_path, "res.json([1])", headers=headers).status == 200


def test_a_304_keeps_what_the_handler_set(tmp_path: Path) -> None:
    lines = ["res.set_header('Cache-Control', 'max-age=1').set_header('Vary', 'Cookie')", "res.send('x')"]
    answer = respond(tmp_path, *lines, headers=[("If-None-Match", "*")])
    assert {name for name, _ in answer.headers} == {"Cache-Control", "Vary", "ETag"}
