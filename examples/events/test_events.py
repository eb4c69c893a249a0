"""The messages and their streams: a real server with two workers, real clients, and a browser."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from apiroutes.testing import Client
from feed import AT_ONCE

PROJECT = Path(__file__).parent
SECONDS = 30
SHOWN = 20  # messages that a new client gets


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@dataclass
class Site:
    """A server of the project, which can be stopped and started at the same port."""

    data: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.data / "log"
        command = [sys.executable, "-m", "apiroutes", "start", "--workers", "2", "--port", str(self.port)]
        variables = {**os.environ, "EVENTS_DATA": str(self.data), "EVENTS_HEARTBEAT": "0.5"}
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, cwd=PROJECT, env=variables, stdout=output, stderr=output)
        until(lambda: log.read_text().count("ASGI server listening") == 2)
        found = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
        assert found is not None
        self.port = int(found[1])

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS) == 0, (self.data / "log").read_text()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def send(self, text: str) -> int:
        """Store a message, by a connection of its own, which either worker may get."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        content = json.dumps({"text": text})
        connection.request("POST", "/messages", content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        assert response.status == 201
        id: int = json.load(response)["id"]
        connection.close()
        return id

    @contextmanager
    def lines(self, last: int | None = None) -> Iterator[Iterator[str]]:
        """Open a stream, and yield its lines."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        connection.request("GET", "/events", headers={} if last is None else {"Last-Event-ID": str(last)})
        response = connection.getresponse()
        assert response.headers.get_content_type() == "text/event-stream"
        try:
            yield (line.decode().rstrip("\n") for line in response)
        finally:
            response.close()
            connection.close()

    @contextmanager
    def events(self, last: int | None = None) -> Iterator[Iterator[dict[str, str]]]:
        """Open a stream, and yield its events, each a dict of its fields."""
        with self.lines(last) as lines:
            yield parsed(lines)


def parsed(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name:
            event[name] = value
        elif event:
            yield event
            event = {}


def text_of(event: dict[str, str]) -> str:
    text: str = json.loads(event["data"])["text"]
    return text


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("data"))
    try:
        site.start()
        yield site
        site.stop()
    finally:
        site.kill()


def test_every_stream_of_both_workers_gets_a_message(site: Site) -> None:
    """More streams than the server has threads."""
    before = site.send("before")
    with ExitStack() as stack:
        streams = [stack.enter_context(site.events(before)) for _ in range(80)]
        site.send("for all")
        assert {text_of(next(stream)) for stream in streams} == {"for all"}


def test_a_client_that_comes_back_gets_what_it_has_missed(site: Site) -> None:
    first = site.send("first")
    with site.events(first - 1) as stream:
        assert text_of(next(stream)) == "first"
    site.send("missed")
    with site.events(first) as stream:
        assert text_of(next(stream)) == "missed"
        last = site.send("as it comes")
        event = next(stream)
        assert (event["id"], text_of(event)) == (str(last), "as it comes")


def test_a_client_that_was_away_for_long_gets_everything_in_order(site: Site) -> None:
    before = site.send("before")
    texts = [str(number) for number in range(2 * AT_ONCE + 1)]
    with closing(sqlite3.connect(site.data / "messages.db")) as connection, connection:
        connection.executemany("INSERT INTO messages (text) VALUES (?)", [[text] for text in texts])
    with site.events(before) as stream:
        assert [text_of(next(stream)) for _ in texts] == texts


def test_a_new_client_gets_the_last_messages(site: Site) -> None:
    texts = [str(number) for number in range(SHOWN)]
    for text in texts:
        site.send(text)
    with site.events() as stream:
        assert [text_of(next(stream)) for _ in texts] == texts


def test_a_silent_stream_is_kept_alive(site: Site) -> None:
    with site.lines(site.send("before")) as lines:
        assert [next(lines) for _ in range(6)] == [": keep-alive", ""] * 3


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "٣", "9" * 19, ""])
def test_an_id_that_is_none_of_ours_is_refused(apiroutes_client: Client, last: str) -> None:
    assert apiroutes_client.get("/events", headers={"Last-Event-ID": last}).status_code == 400


@pytest.mark.parametrize("text", ["", "x" * 501])
def test_a_message_is_checked(apiroutes_client: Client, text: str) -> None:
    assert apiroutes_client.post("/messages", json={"text": text}).status_code == 422


def test_the_page_in_a_browser(site: Site) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{site.port}/")
        page.get_by_text("Connected.").wait_for()
        page.get_by_label("Message", exact=True).fill("<b>Hello</b>")
        page.get_by_role("button", name="Send").click()
        page.get_by_text("<b>Hello</b>").wait_for()
        site.stop()
        page.get_by_text("Connecting again…").wait_for()
        site.start()
        site.send("while it was away")
        page.get_by_text("while it was away").wait_for()
        shown = page.get_by_role("listitem").all_inner_texts()
        assert shown[-2:] == ["<b>Hello</b>", "while it was away"]
        assert len(shown) == SHOWN + 2
        browser.close()
