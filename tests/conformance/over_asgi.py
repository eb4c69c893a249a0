"""The project of the cache's scenarios as ASGI servers call it, for the runner: it asks for `asgi`."""

from __future__ import annotations

from pathlib import Path

from apiroutes import App
from tests.asgi_server import AsWSGI


def __getattr__(name: str) -> AsWSGI:
    if name != "asgi":
        raise AttributeError(name)
    return AsWSGI(App(Path.cwd()).asgi)
