"""`request_id`: an id from the client or a new one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apiroutes.middleware import (
    request_id,
)
from tests.middleware.shown import respond_through

TRACE = "0af7651916cd43dd8448eb211c80319c"
IDS = [
    ([], r"[0-9a-f]{32}"),
    ([("X-Request-ID", "abc-1.2_3")], r"abc-1\.2_3"),
    ([("X-Request-ID", "a b")], r"[0-9a-f]{32}"),
    ([("X-Request-ID", "a" * 129)], r"[0-9a-f]{32}"),
    ([("Traceparent", f"00-{TRACE}-b7ad6b7169203331-01")], TRACE),
    ([("Traceparent", f"00-{TRACE}-b7ad6b7169203331-01"), ("X-Request-ID", "x")], TRACE),
    ([("Traceparent", f"00-{'0' * 32}-b7ad6b7169203331-01")], r"(?!0{32})[0-9a-f]{32}"),
    ([("Traceparent", f"ff-{TRACE}-b7ad6b7169203331-01")], rf"(?!{TRACE})[0-9a-f]{{32}}"),
]


@pytest.mark.parametrize(("headers", "pattern"), IDS)
def test_a_request_has_an_id(tmp_path: Path, headers: list[tuple[str, str]], pattern: str) -> None:
    answer = respond_through(tmp_path, request_id(), headers=headers)
    identifier = answer.header("X-Request-ID")
    assert identifier is not None
    assert re.fullmatch(pattern, identifier)
    assert answer.header("X-Id") == identifier


def test_a_client_need_not_be_trusted(tmp_path: Path) -> None:
    answer = respond_through(
        tmp_path, request_id("X-Trace", trust_client=False), headers=[("X-Trace", "mine")]
    )
    assert answer.header("X-Trace") not in (None, "mine")
