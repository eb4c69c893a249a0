"""Errors of the project's own kind."""

import msgspec

from apiroutes import json


class Problem(msgspec.Struct):
    """A problem of this project's own kind."""

    code: int
    text: str = ""


responses = {409: Problem}


def GET(code: int = 0) -> Problem:
    """Return a problem, or fail with one.

    Its code tells which.
    """
    if code:
        return json(Problem(code, "wrong"), status=409)  # type: ignore[return-value]
    return Problem(0)
