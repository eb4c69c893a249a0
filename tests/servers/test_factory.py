"""`create_app` for a server's command line; what it logs is in tests/test_logs.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiroutes import create_app
from tests.support import HELLO, call, project


def test_create_app_takes_the_arguments_of_app(tmp_path: Path) -> None:
    app = create_app(project(tmp_path, {"pages/api/x.py": HELLO}), api_prefix="/v1")
    assert call(app, target="/v1/x").status == 200


def test_create_app_takes_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project(tmp_path, {"pages/api/x.py": HELLO}))
    assert call(create_app()).status == 200


def test_create_app_without_parentheses_explains_itself(caplog: pytest.LogCaptureFixture) -> None:
    answer = call(create_app)
    assert answer.status == 503
    assert b"write 'apiroutes:create_app()', with parentheses" in answer.body
    assert "apiroutes:create_app()" in caplog.text
