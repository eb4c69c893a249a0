"""`create_app`, as a server's command line calls it."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import create_app
from tests.support import HELLO, call, project


def test_create_app_takes_what_app_takes(tmp_path: Path) -> None:
    app = create_app(project(tmp_path, {"pages/api/x.py": HELLO}), api_prefix="/v1")
    assert call(app, target="/v1/x").status == 200


def test_create_app_serves_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, {"pages/api/x.py": HELLO}))
    assert call(create_app()).status == 200


def test_create_app_without_parentheses_says_what_to_write(caplog: pytest.LogCaptureFixture) -> None:
    answer = call(create_app)
    assert answer.status == 503
    assert b"write 'apiroutes:create_app()', with parentheses" in answer.body
    assert "apiroutes:create_app()" in caplog.text
