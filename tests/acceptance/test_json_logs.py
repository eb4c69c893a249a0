"""`log_format = "json"` under the servers: every line that a server writes is a record."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.client import OverHttp
from tests.acceptance.servers import granian, gunicorn_asgi, serve, uvicorn
from tests.support import project

pytestmark = pytest.mark.slow

GUNICORN = [sys.executable, "-m", "apiroutes", "start", "--workers", "1", "--", "--bind", "127.0.0.1:0"]
SERVERS = {
    "gunicorn": [*GUNICORN, "--access-logfile", "-"],
    "gunicorn-on-asgi": gunicorn_asgi(),
    "granian": granian("--access-log"),
    "granian-on-asgi": granian(interface="asgi"),
    "uvicorn": uvicorn("--access-log"),
}
HANDLER = """
import logging
log = logging.getLogger(__name__)
def GET():
    log.info("in the handler")
    return 1
def POST(): raise ValueError("two\\nlines")
"""
FILES = {
    "pages/api/x.py": HANDLER,
    "middleware.py": "from apiroutes.middleware import access_log, request_id\n"
    "middleware = [request_id(), access_log()]\n",
    "pyproject.toml": "[tool.apiroutes]\nlog_format = 'json'\n",
}
OWN = {"gunicorn": "gunicorn.error", "granian": "_granian", "uvicorn": "uvicorn.error"}


@pytest.mark.parametrize("server", SERVERS)
def test_every_line_is_a_record(tmp_path: Path, server: str) -> None:
    log = tmp_path / "log"
    with serve(SERVERS[server], log, {}, project(tmp_path, FILES)) as port:
        send = OverHttp(port)
        for method in ("GET", "POST"):
            send(method, "/api/x", {"X-Request-ID": "abc-1"}, b"")
    records: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    assert OWN[server.partition("-")[0]] in {record["logger"] for record in records}
    handlers = [record for record in records if record["message"] == "in the handler"]
    faults = [record for record in records if record["level"] == "ERROR"]
    assert [record["request_id"] for record in handlers + faults] == ["abc-1"] * 2
    assert handlers[0]["logger"] == "pages.api.x"
    assert faults[0]["exception"].endswith("ValueError: two\nlines")


@pytest.mark.parametrize("command", [GUNICORN, granian(), uvicorn()], ids=["gunicorn", "granian", "uvicorn"])
def test_all_records_are_on_standard_error(tmp_path: Path, command: list[str]) -> None:
    log, out = tmp_path / "log", tmp_path / "out"
    apart = ["sh", "-c", 'exec "$@" > "$OUT"', "sh", *command]
    with serve(apart, log, {"OUT": str(out)}, project(tmp_path, FILES)) as port:
        OverHttp(port)("GET", "/api/x", {}, b"")
    assert out.read_text() == ""
    assert "in the handler" in log.read_text()
