"""A start that fails makes this process unready for good, and asks for its replacement once."""

from __future__ import annotations

import pytest

from apiroutes import readiness


@pytest.fixture(autouse=True)
def readiness_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a process that has not asked yet."""
    monkeypatch.setattr(readiness, "_state", readiness._State())
