"""For the tests of `after`: a project that notes what runs, and Apps called by either interface."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apiroutes import App
from tests.asgi_server import AsWSGI
from tests.support import Answer, environ, exchange, project

# Notes what happens in `ran`. `gate` holds the functions that wait for it.
LIB = """
import asyncio, threading, time

ran = []
apps = []
gate = threading.Event()
begun = threading.Semaphore(0)

def note(*args, **kwargs):
    ran.append((*args, *kwargs.items()))

async def note_later(*args):
    await asyncio.sleep(0.01)
    ran.append(args)

def fail(*args):
    ran.append(args)
    raise ValueError('broken')

def hold(*args):
    begun.release()
    gate.wait(20)
    ran.append(args)

async def hold_on_loop(*args):
    begun.release()
    while not gate.is_set():
        await asyncio.sleep(0.005)
    ran.append(args)
"""

INTERFACES = ["wsgi", "asgi"]
# A plain function as it is, or as an async one; by ASGI that decides where it runs.
KINDS = ["def", "async def"]


def served(root: Path, handler: str, interface: str = "wsgi", kind: str = "def", **settings: Any) -> Served:
    """Return an App with one route, which has `after` and all that `LIB` has."""
    library = f"lib_{root.name}_{len(sys.modules)}"
    source = f"from apiroutes import after\nfrom {library} import *\n{handler}"
    if kind == "async def":
        source = source.replace("def GET", "async def GET").replace("def middle", "async def middle")
        source = source.replace("next()", "await next()")
    app = App(project(root, {f"{library}.py": LIB, "pages/api/x.py": source}), **settings)
    return Served(app, sys.modules[library], interface)


class Served:
    """An App, the module that notes what ran, and requests that are made as a server makes them."""

    def __init__(self, app: App, library: Any, interface: str) -> None:
        self.app = app
        self.library = library
        # A function, as the option `--interface` would have an App called by another interface.
        self.application: Any = (lambda *call: app(*call)) if interface == "wsgi" else AsWSGI(app.asgi)

    def call(self, method: str = "GET", target: str = "/api/x", **request: Any) -> Answer:
        """Send a request, and read and close its response."""
        return exchange(self.application, environ(method, target, **request))

    def begin(self, method: str = "GET", target: str = "/api/x") -> Any:
        """Send a request, and return its content, which is neither read nor closed."""
        return self.application(environ(method, target), lambda *_: lambda chunk: None)

    @property
    def ran(self) -> list[Any]:
        """What has run, once no work is left."""
        self.drain()
        return list(self.library.ran)

    def drain(self, within: float = 20) -> None:
        self.app.work_pool.drain(within)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let what waits for the gate go on at the end."""
        try:
            yield
        finally:
            self.library.gate.set()
            self.drain()
