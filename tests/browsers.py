"""Chromium for the tests that need a browser, and servers of what it opens."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

__all__ = ["NO_CHROMIUM", "chromium", "has_chromium", "serving"]

NO_CHROMIUM = "there is no Chromium: apt-get install chromium"
# Otherwise Chromium sends requests to its makers at every start.
_FLAGS = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]


def _executable() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


def has_chromium() -> bool:
    """Return whether there is a browser."""
    return _executable() is not None


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Start a browser, with further flags of the command line, and close it in the end."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=_executable(), args=[*_FLAGS, *flags])
        try:
            yield running
        finally:
            running.close()


@contextmanager
def serving(application: Callable[..., Any]) -> Iterator[int]:
    """Serve a WSGI application in a thread, and yield its port."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
