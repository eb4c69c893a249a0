from ported_fastapi.people import NotOurs

from apiroutes import InvalidRequest, json
from apiroutes.middleware import cors, sessions, trusted_hosts


async def middleware_of_errors(req, res, next):
    try:
        await next()
    except NotOurs as error:
        return json({"error": str(error)}, status=409)
    except InvalidRequest as error:
        return json({"errors": [*error.errors]}, status=422)


middleware = [
    trusted_hosts(["localhost"]),
    cors(["https://app.example.com"]),
    sessions(),
    middleware_of_errors,
]
