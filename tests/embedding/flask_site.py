"""A Flask application, and our routes in front of it, mounted inside it, and both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from apiroutes import App
from tests.embedding.ours import shown
from tests.support import WSGIApplication


def site() -> flask.Flask:
    """Make the application as it is without us."""
    application = flask.Flask("site")
    application.secret_key = "a key of the tests"

    @application.route("/echo/<path:rest>", methods=["GET", "POST"])
    @application.route("/api/theirs/echo", methods=["GET", "POST"])
    @application.route("/api/theirs/unparsed", methods=["GET", "POST"])
    def echo(rest: str = "") -> dict[str, Any]:
        return shown(flask.request.environ, flask.request.get_data())

    @application.get("/visits")
    @application.get("/api/theirs/visits")
    def visits() -> str:
        flask.session["visits"] = flask.session.get("visits", 0) + 1
        return str(flask.session["visits"])

    @application.get("/cookies")
    def cookies() -> flask.Response:
        response = flask.jsonify(flask.request.cookies)
        response.set_cookie("first", "1")
        response.set_cookie("second", "2")
        return response

    @application.errorhandler(404)
    def nothing(error: Exception) -> tuple[str, int]:
        return "their site has no such page", 404

    return application


def in_front(root: str | Path) -> WSGIApplication:
    """Put our routes first, Flask behind them."""
    return App(root, fallback=site())


def mounted(root: str | Path) -> flask.Flask:
    """Put our routes under /v1 of the Flask application."""
    application = site()
    application.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
        application.wsgi_app, {"/v1": App(root)}
    )
    return application


def both(root: str | Path) -> WSGIApplication:
    """Put our routes first, and once more under /v1 of the Flask application behind them."""
    return App(root, fallback=mounted(root))
