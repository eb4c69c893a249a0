"""The App as an ASGI application: what runs where, and what is not a request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from apiroutes import App
from tests.asgi_server import ask, http_scope
from tests.support import HELLO, project

# -- fallbacks -----------------------------------------------------------------------------


def test_a_wsgi_fallback_gets_the_content(tmp_path: Path) -> None:
    def fallback(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        content = environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Length", str(len(content)))])
        return [content]

    app = App(project(tmp_path, {"pages/api/x.py": HELLO}), fallback=fallback)
    scope = http_scope("POST", "/elsewhere", [("Content-Length", "200004")])
    assert ask(app.asgi, scope, b"ab", b"c" * 200_000, b"de").body == b"ab" + b"c" * 200_000 + b"de"
