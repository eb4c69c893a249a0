from apiroutes.middleware import sessions


async def api(req, res, next):
    await next()
    res.set_header("X-Api", "1")


middleware = [api, sessions()]
