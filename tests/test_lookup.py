"""Limits of the request's headers: each passes at its value, and one more is 431."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import HELLO, app_of, call

HEADERS = [
    ({"max_headers": 4}, [("X-A", "1"), ("X-B", "1"), ("X-C", "1")], 200),  # with Host
    ({"max_headers": 4}, [("X-A", "1"), ("X-B", "1"), ("X-C", "1"), ("X-D", "1")], 431),
    ({"max_headers": 1}, [("Content-Type", "text/plain")], 431),
    ({"max_header_size": 20}, [("X-A", "x" * 17)], 200),
    ({"max_header_size": 20}, [("X-A", "x" * 18)], 431),
    ({"max_header_size": 20}, [("Content-Type", "text/plain;xxxxxxxxxxxxxxxxxxxxxx")], 431),
    ({}, [("X-A", "x" * 100_000)], 200),
]


@pytest.mark.parametrize(("settings", "headers", "status"), HEADERS)
def test_headers_over_a_limit_are_431(
    tmp_path: Path, settings: dict[str, Any], headers: list[tuple[str, str]], status: int
) -> None:
    assert call(app_of(tmp_path, HELLO, **settings), headers=headers).status == status


def test_headers_are_not_limited_for_a_path_of_the_fallback(tmp_path: Path) -> None:
    def fallback(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"theirs"

    app = app_of(tmp_path, HELLO, max_headers=1, fallback=fallback)
    headers = [("X-A", "1"), ("X-B", "1")]
    assert call(app, target="/other", headers=headers).body == b"theirs"
    assert call(app, headers=headers).status == 431
