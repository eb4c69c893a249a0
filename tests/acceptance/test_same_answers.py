"""Responses depend neither on the server nor on where the application is mounted."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Served
from tests.acceptance.exchanges import EXCHANGES, Seen


@pytest.mark.parametrize("name", [exchange.name for exchange in EXCHANGES])
def test_the_answer_is_the_same_as_in_process(served: Served, expected: dict[str, Seen], name: str) -> None:
    assert served.recording[name] == expected[name]
