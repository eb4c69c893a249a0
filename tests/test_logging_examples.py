"""docs/logging.md: each configuration that it shows writes the request's id, with the real libraries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.reading import SHOWN
from tests.support import project

TOP = str(Path(__file__).parents[1])
PROJECTS = [shown for shown in SHOWN if shown.page == "docs/logging.md"]
# Each way to write the log, by the version of the page's project that has all of its files.
WAYS = {"log_format": 0, "dictConfig": 1, "structlog": 3, "loguru": 5}

CALLS = """
import sys
sys.path.insert(0, {top!r})
from apiroutes import create_app
from tests.support import call
app = create_app()
for body in (b'{{"item": "tea"}}', b'{{"no item": 1}}'):
    call(app, "POST", "/api/orders", [("X-Request-ID", "abc-1"), ("Content-Type", "application/json")], body)
"""


@pytest.mark.parametrize("way", WAYS)
def test_every_record_of_a_request_has_its_id(tmp_path: Path, way: str) -> None:
    shown = PROJECTS[WAYS[way]]
    assert way in "".join(shown.files.values())
    program = CALLS.format(top=TOP)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project(tmp_path, shown.files), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    records = [line for line in done.stderr.splitlines() if not line.startswith((" ", "Traceback"))]
    for text in ("ordered", "status=200", "failed", "status=500"):
        record, *_ = [line for line in records if text in line]
        assert "abc-1" in record


def test_loguru_has_what_a_record_of_logging_has(tmp_path: Path) -> None:
    source = (
        "import logging\nlog = logging.getLogger(__name__)\n"
        "def POST():\n    log.log(25, 'ordered {} %s', '{x}', extra={'item': 'tea', 'request_id': 'own'})\n"
        "    return 1\n"
    )
    files = {**PROJECTS[WAYS["loguru"]].files, "pages/api/orders.py": source}
    done = subprocess.run(
        [sys.executable, "-c", CALLS.format(top=TOP)],
        cwd=project(tmp_path, files),
        capture_output=True,
        text=True,
    )
    record = json.loads(done.stderr.splitlines()[0])["record"]
    assert record["message"] == "ordered {} {x}"
    assert record["extra"] == {"item": "tea", "request_id": "own", "route": "/api/orders"}
    assert (record["name"], record["function"], record["line"]) == ("pages.api.orders", "POST", 4)
    assert record["file"]["name"] == "orders.py"
