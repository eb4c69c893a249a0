"""A thread or task that goes on writing after its handler never gets into the connection's next response."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.servers import SECONDS, granian, gunicorn, gunicorn_asgi, serve, uvicorn
from tests.support import project

pytestmark = pytest.mark.slow

GTHREAD = ("--worker-class=gthread", "--threads=4")
SERVERS = {
    "gunicorn": gunicorn("apiroutes:create_app()", *GTHREAD),
    "gunicorn-gevent": gunicorn("apiroutes:create_app()", "--worker-class=gevent"),
    "gunicorn-asgi": gunicorn_asgi(),
    "granian": granian(interface="wsgi"),
    "uvicorn": uvicorn(),
}
FILES = {
    "meeting.py": """
import threading
asked, tried = threading.Event(), threading.Event()
errors = []
def write_late(res):
    asked.wait()
    try:
        res.write("late")
    except Exception as error:
        errors.append(type(error).__name__)
    tried.set()
""",
    "pages/api/thread.py": """
import threading, meeting
def GET(res):
    res.write("a")
    threading.Thread(target=meeting.write_late, args=[res]).start()
""",
    "pages/api/task.py": """
import asyncio, meeting
async def GET(res):
    res.write("a")
    async def go_on():
        while not meeting.asked.is_set():  # an event of gevent's does not wait for another thread
            await asyncio.sleep(0.01)
        meeting.write_late(res)
    meeting.task = asyncio.create_task(go_on())
""",
    "pages/api/next.py": """
import time, meeting
def GET():
    meeting.asked.set()
    while not meeting.tried.is_set():
        time.sleep(0.01)
    return meeting.errors
""",
}


@pytest.mark.parametrize("path", ["/api/thread", "/api/task"])
@pytest.mark.parametrize("name", SERVERS)
def test_the_next_response_of_the_connection_is_whole(tmp_path: Path, name: str, path: str) -> None:
    root = project(tmp_path, FILES)
    with (
        serve(SERVERS[name], tmp_path / "log", {"PYTHONPATH": str(root)}, root) as port,
        closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection,
    ):
        connection.request("GET", path)
        assert connection.getresponse().read() == b"a"
        connection.auto_open = 0  # on this connection, or not at all
        connection.request("GET", "/api/next")
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)) == (200, ["ResponseSentError"])
