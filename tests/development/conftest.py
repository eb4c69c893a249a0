from __future__ import annotations

import pytest

from apiroutes import App


@pytest.fixture(autouse=True)
def production_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no other test see the explainer that the development server sets for its process."""
    monkeypatch.setattr(App, "make_explainer", None)
