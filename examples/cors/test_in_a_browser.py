"""The page and the API, each at an origin of its own, in Chromium."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PROJECT = Path(__file__).parent


@contextmanager
def serving(*command: str, **variables: str) -> Iterator[str]:
    """Run a server, and give the port that it tells in its first line."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", *command],
        cwd=PROJECT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout is not None
        match = re.search(r"(?: port |127\.0\.0\.1:)(\d+)", server.stdout.readline())
        assert match is not None
        try:
            yield match[1]
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[str, str]]:
    """The ports of the page and of the API."""
    with ExitStack() as stack:
        page = stack.enter_context(serving("http.server", "0", "--bind", "127.0.0.1", "--directory", "site"))
        origin = f"http://localhost:{page}"
        api = stack.enter_context(serving("apiroutes", "dev", "--port", "0", PAGE_ORIGIN=origin))
        yield page, api


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_a_browser_lets_our_page_alone_use_the_cookie(ports: tuple[str, str]) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    page_port, api_port = ports
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page()
        shown = []
        # Of localhost twice, then of another host, which is another origin although the page is the same.
        for host in ("localhost", "localhost", "127.0.0.1"):
            page.goto(f"http://{host}:{page_port}/?api=http://localhost:{api_port}")
            page.wait_for_function("document.getElementById('visits').value !== '…'")
            shown.append([page.locator(f"#{name}").inner_text() for name in ("quote", "visits")])
        browser.close()
    (quote, first), (_, second), (other_quote, other) = shown
    assert (
        quote == other_quote == '{"quote":"The most dangerous phrase is: we have always done it this way."}'
    )
    assert [first, second, other] == ['{"visits":1}', '{"visits":2}', "Failed to fetch"]
