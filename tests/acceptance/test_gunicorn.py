"""Mistakes in the command line of gunicorn are answered, not left to be guessed."""

from pathlib import Path

from .client import Client, OverHttp
from .servers import gunicorn, serve


def test_create_app_without_parentheses_says_how_to_write_it(tmp_path: Path) -> None:
    with serve(gunicorn("apiroutes:create_app"), tmp_path / "log", {}) as port:
        answer = Client(OverHttp(port)).request("GET", "/api/hello")
    assert answer.status == 503
    assert "apiroutes:create_app()" in answer.text
