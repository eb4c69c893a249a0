from ported_fastapi.people import NotOurs

from apiroutes import ApiError, json
from apiroutes.middleware import cors, sessions, trusted_hosts


async def middleware_of_errors(req, res, next):
    try:
        await next()
    except NotOurs as error:
        return json({"error": str(error)}, status=409)
    except ApiError as error:
        if error.status == 422:
            return json({"error": "does not fit"}, status=422)
        raise


middleware = [
    trusted_hosts(["localhost"]),
    cors(["https://app.example.com"]),
    sessions(),
    middleware_of_errors,
]
