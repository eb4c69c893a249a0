"""Who has signed in to the site."""

from typing import Annotated

from flask import session

from apiroutes import ApiError, Depends


def _user() -> str:
    user: str | None = session.get("user")
    if user is None:
        raise ApiError(401, "Sign in first")
    return user


User = Annotated[str, Depends(_user)]
