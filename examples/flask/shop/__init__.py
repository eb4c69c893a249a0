"""The site: Flask's pages and sign-in, with the routes of pages/api in front of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flask import Flask

from apiroutes import App
from apiroutes.middleware import csrf
from shop import views
from shop.context import in_context_of

ROOT = Path(__file__).parents[1]


def create_app(**config: Any) -> Flask:
    site = Flask(__name__)
    site.config["SECRET_KEY"] = os.environ.get("SHOP_SECRET_KEY")
    site.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    site.config.update(config)
    site.register_blueprint(views.pages)
    # Inside the Flask object, where `flask run`, Flask's test client and every server find the routes.
    api = App(ROOT, fallback=site.wsgi_app, middleware=[csrf(), in_context_of(site)])
    site.wsgi_app = api  # type: ignore[method-assign]
    return site
