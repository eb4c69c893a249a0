"""A scope as the environ that handlers see, and a response as messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.asgi_server import ask, http_scope
from tests.support import app_of

SHOW_ID = "def GET(params): return params\n"

# -- the path ------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [None, b""])
def test_invalid_utf8_is_400_where_the_server_gives_no_raw_path(tmp_path: Path, raw: bytes | None) -> None:
    app = app_of(tmp_path, SHOW_ID, "[id].py")
    scope = http_scope(path="/api/\N{REPLACEMENT CHARACTER}", raw_path=raw)
    assert ask(app.asgi, scope).status == 400
