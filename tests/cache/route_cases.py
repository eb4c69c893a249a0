"""For the tests of cached routes: an App, by either interface, whose handlers note that they run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from apiroutes import App
from tests.asgi_server import AsWSGI
from tests.exits.support import seen_in
from tests.support import Answer, environ, exchange, project

INTERFACES = ["wsgi", "asgi"]
# How a handler or middleware is written.
KINDS = ["def", "async def"]

HEAD = """
import asyncio, contextvars, threading, time
from typing import Annotated
from apiroutes import ApiError, Depends, after, json
seen = []
"""


class Routed:
    """An App, and requests to it by an interface."""

    def __init__(self, app: App, interface: str = "wsgi") -> None:
        self.app = app
        # A function, as the option `--interface` would have an App called by another interface.
        self._application: Any = (lambda *call: app(*call)) if interface == "wsgi" else AsWSGI(app.asgi)

    def get(
        self,
        target: str = "/api/x",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        method: str = "GET",
        **request: Any,
    ) -> Answer:
        """Send a request; entries of the environ that are given replace those of a server."""
        lines = headers.items() if isinstance(headers, Mapping) else headers
        return exchange(self._application, environ(method, target, lines, **request))

    def has_run(self, times: int) -> bool:
        """Return whether the handlers have noted so much, and nothing is being computed any more."""
        return len(self.seen) == times and self.app.cache.store.stats()["leases"] == 0

    @property
    def seen(self) -> list[Any]:
        """What the handlers of /api/x have noted."""
        return seen_in(self.app)


def routed(
    root: Path,
    source: str,
    interface: str = "wsgi",
    *,
    files: Mapping[str, str] | None = None,
    **settings: Any,
) -> Routed:
    """Return an App with the route /api/x, and other files, which keeps what is cached in memory."""
    sources = {"pages/api/x.py": source, **(files or {})}
    app = App(
        project(root, {name: HEAD + text for name, text in sources.items()}),
        **{"cache": "memory", **settings},
    )
    return Routed(app, interface)


def get_of(*lines: str, declared: str = "revalidate = 60", kind: str = "def") -> str:
    """Return the source of a route whose GET notes that it runs, and then has these lines."""
    body = "\n    ".join(["seen.append('ran')", *(lines or ["return {'n': len(seen)}"])])
    return f"{declared}\n{kind} GET(req, res):\n    {body}\n"


def said(answer: Answer) -> str | None:
    """Return what Cache-Status says of our cache, without the seconds that are left."""
    members = [value for value in answer.all("Cache-Status") if value.startswith("apiroutes")]
    if not members:
        return None
    (member,) = members
    return "; ".join(part for part in member.split("; ")[1:] if not part.startswith("ttl="))


def ttl_of(answer: Answer) -> int:
    """Return for how many seconds a hit is fresh, as Cache-Status says."""
    (seconds,) = [
        part[4:] for part in str(answer.header("Cache-Status")).split("; ") if part.startswith("ttl=")
    ]
    return int(seconds)


class Clock:
    """The clock by which what is stored gets old, moved on by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        read: Callable[[int], float] = time.clock_gettime
        monkeypatch.setattr(time, "clock_gettime", lambda clock: read(clock) + self.passed)

    def step(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds


# A worker's own memory goes by another clock, which only the system moves on.
NOT_HOT: dict[str, Any] = {"cache_hot_size": "1b"}
