"""Content that an ASGI server hands over in messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.asgi_server import ask, http_scope
from tests.support import app_of

UNPARSED = 'config = {"api": {"bodyParser": False}}\n'

# -- reads on the event loop ---------------------------------------------------------------


@pytest.mark.parametrize("read", ["req.stream.read()", "req.stream.readline()", "req.raw_body"])
def test_a_read_that_would_wait_on_the_loop_is_a_500_that_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, read: str
) -> None:
    app = app_of(tmp_path, f"{UNPARSED}async def POST(req, res):\n    res.send({read})\n")
    scope = http_scope("POST", headers=[("Transfer-Encoding", "chunked")])
    assert ask(app.asgi, scope, b"a", b"b").status == 500
    assert "use `async for chunk in req.stream`" in caplog.text
