"""Which interface a server is told to use."""

from __future__ import annotations

import pytest

from apiroutes.servers.interfaces import Choice, choose
from apiroutes.servers.start_check import RouteCounts

NOT_ALL = Choice("wsgi", "routes that are async throughout: 2 of 3")
ALL = Choice("asgi", "every route is async throughout")
# server, setting, routes on the loop, all routes, and the choice.
CHOICES = [
    ("granian", "auto", 2, 3, NOT_ALL),
    ("granian", "auto", 3, 3, ALL),
    ("granian", "auto", 0, 0, Choice("wsgi", "there are no routes")),
    ("granian", "asgi", 0, 3, Choice("asgi")),
    ("granian", "wsgi", 3, 3, Choice("wsgi")),
    ("gunicorn", "auto", 3, 3, Choice("wsgi")),
    ("gunicorn", "asgi", 0, 3, Choice("asgi")),
    ("uvicorn", "auto", 0, 3, Choice("asgi")),
    ("uvicorn", "asgi", 0, 3, Choice("asgi")),
]


@pytest.mark.parametrize(("server", "wanted", "on_loop", "routes", "choice"), CHOICES)
def test_an_interface_is_chosen(server: str, wanted: str, on_loop: int, routes: int, choice: Choice) -> None:
    assert choose(server, wanted, RouteCounts(on_loop, routes)) == choice


def test_uvicorn_has_no_wsgi() -> None:
    with pytest.raises(ValueError, match='uvicorn serves only ASGI, and interface is "wsgi"'):
        choose("uvicorn", "wsgi", RouteCounts(0, 1))
