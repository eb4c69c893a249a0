"""The same application as ASGI servers call it, and with its plain handlers made async."""

from __future__ import annotations

import os

from apiroutes import App
from tests import interfaces
from tests.asgi_server import AsWSGI, running_loop
from tests.attacks.attacked import PROJECT, SETTINGS

# The runner takes what a case opens for a leak, so each case's process has its loop before it.
os.register_at_fork(after_in_child=running_loop)


def __getattr__(name: str) -> AsWSGI:
    """The runner asks for `asgi` or `asgi_loop`."""
    interfaces.choose(name.replace("_", "-"))
    directory = interfaces.directory_for_interface(PROJECT)
    return AsWSGI(App(directory, cache="memory", **SETTINGS).asgi)
