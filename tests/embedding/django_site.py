"""A Django application, and our routes in front of it, mounted inside it, and both.

The settings are configured here, once for the process, as a single-file Django application does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, JsonResponse
from django.urls import path
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from apiroutes import App
from tests.embedding.ours import shown
from tests.support import WSGIApplication

SETTINGS = {
    "SECRET_KEY": "a key of the tests",
    "ALLOWED_HOSTS": ["*"],
    "ROOT_URLCONF": __name__,
    "MIDDLEWARE": [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
    "USE_TZ": True,
}

# A page of the documents may have set Django up for itself, once for the process.
if not settings.configured:
    settings.configure()
for name, value in SETTINGS.items():
    setattr(settings, name, value)
django.setup(set_prefix=False)


def echo(request: Any, rest: str = "") -> Any:
    return JsonResponse(shown(request.environ, request.body))


def visits(request: Any) -> Any:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(str(request.session["visits"]))


def cookies(request: Any) -> Any:
    response = JsonResponse(request.COOKIES)
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


def nothing(request: Any, exception: Exception) -> Any:
    return HttpResponse("their site has no such page", status=404)


handler404 = nothing
urlpatterns = [
    path("echo/<path:rest>", echo),
    path("api/theirs/echo", echo),
    path("api/theirs/unparsed", echo),
    path("visits", visits),
    path("api/theirs/visits", visits),
    path("cookies", cookies),
]


def site() -> WSGIApplication:
    """Make the application as it is without us."""
    application: WSGIApplication = get_wsgi_application()
    return application


def in_front(root: str | Path) -> WSGIApplication:
    """Put our routes first, Django behind them."""
    return App(root, fallback=site())


def mounted(root: str | Path) -> WSGIApplication:
    """Put our routes under /v1, by a dispatcher in place of wsgi.py's application."""
    return DispatcherMiddleware(site(), {"/v1": App(root)})


def both(root: str | Path) -> WSGIApplication:
    """Put our routes first, and once more under /v1 of the Django application behind them."""
    return App(root, fallback=mounted(root))
