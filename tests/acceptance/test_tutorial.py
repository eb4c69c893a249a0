"""docs/tutorial.md from its first line to its last: files are written, commands print what the page shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents.page_runs import wrong_on

pytestmark = pytest.mark.slow


def test_the_tutorial_is_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_TOKEN", raising=False)  # the tutorial makes it
    wrong = wrong_on("docs/tutorial.md", tmp_path)
    assert not wrong, "\n\n".join(["", *wrong])
