from typing import Annotated

from apiroutes import ApiError, Depends
from apiroutes.middleware import api_key, bearer


class NotOurs(Exception):
    pass


def find_user(token):
    return "ada" if token == "ada-token" else None


def writer(request) -> str:
    if request.headers.get("Authorization") != "Bearer letmein":
        raise ApiError(401)
    return "ada"


programs = bearer(find_user)
partners = api_key(find_user, header="X-API-Key")
Writer = Annotated[str, Depends(writer)]
