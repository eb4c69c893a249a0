"""A Pyramid application, and our routes in front of it, mounted inside it, and both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyramid.config import Configurator
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory
from pyramid.wsgi import wsgiapp2

from apiroutes import App
from tests.embedding.ours import shown
from tests.support import WSGIApplication


def echo(request: Any) -> Any:
    return Response(json=shown(request.environ, request.body))


def visits(request: Any) -> Any:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return Response(str(request.session["visits"]))


def cookies(request: Any) -> Any:
    response = Response(json=dict(request.cookies))
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


def nothing(request: Any) -> Any:
    return Response("their site has no such page", status=404)


VIEWS = {
    "/echo/*rest": echo,
    "/api/theirs/echo": echo,
    "/api/theirs/unparsed": echo,
    "/visits": visits,
    "/api/theirs/visits": visits,
    "/cookies": cookies,
}


def site(inside: WSGIApplication | None = None) -> WSGIApplication:
    """Make the application as it is without us, or with a WSGI application under /v1."""
    with Configurator(session_factory=SignedCookieSessionFactory("a key of the tests")) as config:
        for pattern, view in VIEWS.items():
            config.add_route(pattern, pattern)
            config.add_view(view, route_name=pattern)
        config.add_notfound_view(nothing)
        if inside is not None:
            config.add_route("inside", "/v1/*subpath")
            config.add_view(wsgiapp2(inside), route_name="inside")
        application: WSGIApplication = config.make_wsgi_app()
    return application


def in_front(root: str | Path) -> WSGIApplication:
    """Put our routes first, Pyramid behind them."""
    return App(root, fallback=site())


def mounted(root: str | Path) -> WSGIApplication:
    """Put our routes under /v1, as a view of the Pyramid application."""
    return site(App(root))


def both(root: str | Path) -> WSGIApplication:
    """Put our routes first, and once more under /v1 of the Pyramid application behind them."""
    return App(root, fallback=mounted(root))
