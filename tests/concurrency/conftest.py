"""Fixtures of this folder."""

from __future__ import annotations

import logging
from typing import Any

import pytest


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A list to which handlers append as `logging.seen`, for the test to read after the request."""
    values: list[Any] = []
    monkeypatch.setattr(logging, "seen", values, raising=False)
    return values
