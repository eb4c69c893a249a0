"""Threads that wait for the event loop."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.concurrency.support import run_python
from tests.support import app_of, call


def test_a_coroutine_that_would_wait_for_its_own_loop_gets_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = (
        "from apiroutes.concurrency.coroutines import run\n"
        "async def inner(): ...\n"
        "async def GET():\n"
        "    run(inner())\n"
    )
    assert call(app_of(tmp_path, source)).status == 500
    assert "`await`" in caplog.text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_has_its_own_loop_and_leaves_the_other_alone() -> None:
    source = (
        "coroutines.run(begin())\n"
        "child = os.fork()\n"
        "if not child:\n    print(coroutines.run(one()), flush=True)\n    sys.exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "print(coroutines.run(one()), flush=True)\n"
    )
    assert run_python(source).split() == ["1", "1", "worked", "closed"]
