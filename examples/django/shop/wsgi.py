"""What servers call, `manage.py runserver` too: Django, and the routes of pages/api below /v1."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from apiroutes import App

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

site = get_wsgi_application()  # first: routes import models
api = App(settings.BASE_DIR, mode="development" if settings.DEBUG else "production")
application = DispatcherMiddleware(site, {"/v1": api})
