from apiroutes import ApiError


async def middleware(req, res, next):
    if "authorization" not in req.headers:
        raise ApiError(401)
    req.context["user"] = "ada"
    req.environ["HTTP_X_USER"] = "ada"
    await next()
