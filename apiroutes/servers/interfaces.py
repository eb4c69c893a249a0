"""The interface by which a server calls the App: WSGI or ASGI.

In: a server, the setting `interface`, and the number of async routes. Out: the interface, and the reason.
Raises ValueError for a server without the interface that is set.
"""

from __future__ import annotations

from typing import NamedTuple

from apiroutes.servers.start_check import RouteCounts

__all__ = ["Choice", "choose"]


class Choice(NamedTuple):
    """An interface, "wsgi" or "asgi". The reason is empty if there was no choice."""

    interface: str
    reason: str = ""


def choose(server: str, wanted: str, routes: RouteCounts) -> Choice:
    """Choose for a server by name. Raises ValueError."""
    if server == "uvicorn":
        if wanted == "wsgi":
            raise ValueError(
                'uvicorn serves only ASGI, and interface is "wsgi": remove the setting, or use another server'
            )
        return Choice("asgi")
    if wanted != "auto":
        return Choice(wanted)
    if server != "granian":
        return Choice("wsgi")
    # WSGI answers sync routes faster than ASGI: the first async route must not slow down all others.
    if not routes.all:
        return Choice("wsgi", "there are no routes")
    if routes.on_loop == routes.all:
        return Choice("asgi", "every route is async throughout")
    return Choice("wsgi", f"routes that are async throughout: {routes.on_loop} of {routes.all}")
