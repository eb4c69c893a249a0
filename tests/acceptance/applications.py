"""The example application, alone and combined with a Flask application, for servers to serve."""

from __future__ import annotations

import sys
from pathlib import Path

import flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

from apiroutes import App

PROJECT = Path(__file__).parents[2]


def files_in(directory: Path) -> dict[str, str]:
    """Return the environment in which the example keeps its notes, and caches them, in a directory."""
    return {
        "NOTES_DB": str(directory / "notes.db"),
        "APIROUTES_CACHE_PATH": str(directory / "cache.db"),
    }


def website() -> flask.Flask:
    """Return a Flask application with pages of its own."""
    application = flask.Flask("website")

    @application.route("/elsewhere", methods=["GET", "POST"])
    def elsewhere() -> str:
        request = flask.request
        return f"{request.method} {request.full_path} {request.get_data(as_text=True)}".rstrip()

    return application


def mounted() -> flask.Flask:
    """Return a Flask application with the example mounted under /v1."""
    application = website()
    application.wsgi_app = DispatcherMiddleware(  # type: ignore[method-assign]
        application.wsgi_app, {"/v1": App(PROJECT)}
    )
    return application


def in_front() -> App:
    """Return the example in front of a Flask application."""
    return App(PROJECT, fallback=website())


def main() -> None:
    server = make_server("127.0.0.1", 0, App(PROJECT), threaded=True)
    sys.stdout.write(f"Listening at: http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
