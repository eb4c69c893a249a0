"""The scenarios of the response cache that do not wait, in two processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import interfaces
from tests.conformance.cache_scenarios import APPLICATION, OVER_ASGI, failures, quick_ones


def test_scenarios_without_waiting_pass_in_two_processes(tmp_path: Path) -> None:
    if interfaces.chosen() == "asgi-loop":
        pytest.skip("its handlers wait by time.sleep, which holds the loop")
    application = APPLICATION if interfaces.chosen() == "wsgi" else OVER_ASGI
    assert failures([application], quick_ones(), tmp_path) == ""
