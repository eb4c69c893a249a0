"""Defaults of the servers."""

from __future__ import annotations

import os
from typing import Any

from apiroutes.servers.processors import usable_processors
from apiroutes.settings import Settings

__all__ = [
    "GRANIAN_THREADS",
    "GUNICORN_THREADS",
    "HEAD_BYTES",
    "MARGIN_SECONDS",
    "json_formatters",
    "pass_threads",
    "workers_of",
]

# Threads keep a worker responding while a handler waits for a database; docs/deployment.md has the figures.
# With more, handlers that do not wait take longer.
GUNICORN_THREADS = 16
# Each thread costs more here, because granian hands a request to any of them. This is the smallest number
# with which a process answers 5,000 requests a second that wait 5 ms each.
GRANIAN_THREADS = 32

# Bytes that a server accepts in a request's head, or in its first line, beyond what settings allow: the App
# refuses a head that is a little larger, and the server one that is much larger.
HEAD_BYTES = 2**16

# A worker gets this many seconds on top of `graceful_timeout` to end by itself: its last requests may use up
# all of that time, and the application still has to stop.
MARGIN_SECONDS = 2


def workers_of(settings: Settings) -> int:
    """Return the number of workers, unless the server's own flags say otherwise."""
    variable = os.environ.get("WEB_CONCURRENCY", "")
    return settings.workers or (int(variable) if variable.isdecimal() else 0) or usable_processors()


def pass_threads(threads: int | None) -> None:
    """Make the App in every worker use so many threads, unless None.

    With ASGI, the threads belong to the App and not to the server, and a worker does not read the flags of
    `apiroutes start`.
    """
    if threads is not None:
        os.environ["APIROUTES_THREADS"] = str(threads)


def json_formatters(*names: str) -> dict[str, dict[str, Any]]:
    """Return formatters with these names that write JSON, for `logging.config.dictConfig`."""
    return {name: {"()": "apiroutes.logging.json_formatter"} for name in names}
