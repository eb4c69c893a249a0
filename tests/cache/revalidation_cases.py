"""For the tests of revalidation: an App whose store notes what it is asked to revalidate."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from apiroutes import App
from apiroutes.stores import Mode, StoreError
from tests.asgi_server import AsWSGI
from tests.support import Answer, environ, exchange, project

INTERFACES = ["wsgi", "asgi"]
# A plain function as it is, or as an async one; by ASGI that decides where it runs.
KINDS = ["def", "async def"]

IMPORTS = """
from typing import Annotated
from apiroutes import ApiError, Depends, after, revalidate_path, revalidate_tag
"""
LIB = """
events = []
stores = []

def note(event):
    events.append(event)

def fail():
    stores[0].fails = True

def recover():
    stores[0].fails = False
"""


class NotingStore:
    """A store of an App that notes in `events` what it revalidates; it refuses that while `fails`."""

    def __init__(self, app: App, events: list[Any]) -> None:
        self._store: Any = app.cache.store
        self.app = app  # so that it lives as long as this
        self.events = events
        self.fails = False
        self.threads: list[int] = []
        app.cache.store = cast("Any", self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def bump(self, name: str, mode: Mode) -> None:
        self.threads.append(threading.get_ident())
        if self.fails:
            self.events.append("refused")
            raise StoreError("it is full")
        self._store.bump(name, mode)
        self.events.append(name if mode == "expire" else f"{name} ({mode})")


class Served:
    """An App with a store that notes, and requests by either interface."""

    def __init__(self, app: App, events: list[Any], stores: list[Any], interface: str) -> None:
        self.app = app
        self.events = events
        self.store = NotingStore(app, events)
        stores.append(self.store)
        # A function, as the option `--interface` would have an App called by another interface.
        self.application: Any = (lambda *call: app(*call)) if interface == "wsgi" else AsWSGI(app.asgi)

    def call(self, method: str = "POST", target: str = "/api/x", **request: Any) -> Answer:
        """Send a request, and read its response; "sent" is noted when the head leaves."""
        answer = exchange(self._noting, environ(method, target, **request))
        work_pool = getattr(self.app, "work_pool", None)
        if work_pool is not None:
            work_pool.drain(20)
        return answer

    def _noting(self, environ: Any, start_response: Any) -> Any:
        def start(*head: Any) -> Any:
            self.events.append(f"sent {head[0][:3]}")
            return start_response(*head)

        return self.application(environ, start)


def served(
    root: Path,
    handler: str,
    interface: str = "wsgi",
    kind: str = "def",
    files: Mapping[str, str] = {},
    **settings: Any,
) -> Served:
    """Return an App with the route /api/x, and other files; each has `note`, and both functions."""
    library = f"lib_{root.name}_{len(sys.modules)}"
    head = f"{IMPORTS}from {library} import *\n"
    sources = {f"{library}.py": LIB}
    for name, source in {"pages/api/x.py": handler, **files}.items():
        if kind == "async def":
            source = source.replace("def POST", "async def POST").replace("def middle", "async def middle")
            source = source.replace("next()", "await next()")
        sources[name] = head + source
    app = App(project(root, sources), **settings)
    module: Any = sys.modules[library]
    return Served(app, module.events, module.stores, interface)
