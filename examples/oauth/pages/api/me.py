"""Who is signed in."""

from typing import Any

from apiroutes import ApiError, Request


def GET(req: Request) -> Any:
    user = req.session.get("user")
    if user is None:
        raise ApiError(401, "Sign in at /api/login", {"WWW-Authenticate": 'Session realm="api"'})
    return user
