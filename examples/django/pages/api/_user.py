"""Who has signed in to the site."""

from typing import Annotated, Any

from django.contrib.auth import get_user
from django.contrib.auth.models import User as SiteUser
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest

from apiroutes import ApiError, Depends, Request


def _user(req: Request) -> Any:
    request = WSGIRequest(req.environ)
    SessionMiddleware(lambda request: None).process_request(request)
    user = get_user(request)
    if not user.is_authenticated:
        raise ApiError(401, "Sign in first")
    return user


User = Annotated[SiteUser, Depends(_user)]
