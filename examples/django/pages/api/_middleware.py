"""Django around every route: its connections, and one transaction for a request."""

from collections.abc import Callable
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import transaction

from apiroutes import Request, Response
from apiroutes.middleware import csrf


def in_django(req: Request, res: Response, next: Callable[[], Any]) -> None:
    # By these signals Django closes connections that are too old, in each thread of the server.
    request_started.send(sender=in_django, environ=req.environ)
    try:
        with transaction.atomic():  # as ATOMIC_REQUESTS does for views
            next()
    finally:
        request_finished.send(sender=in_django)


middleware = [csrf(), in_django]
