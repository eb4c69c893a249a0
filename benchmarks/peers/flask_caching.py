"""Flask with Flask-Caching, as the documentation of that writes it: in the memory of the process."""

from __future__ import annotations

from flask import Flask
from flask_caching import Cache

from benchmarks.peers.flask import hello
from benchmarks.workloads import WSGIApplication


def cached_application() -> WSGIApplication:
    app = Flask(__name__)
    cache = Cache(app, config={"CACHE_TYPE": "SimpleCache"})
    app.get("/api/cached")(cache.cached(timeout=3600)(hello))
    return app
