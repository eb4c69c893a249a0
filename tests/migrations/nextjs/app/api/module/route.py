from apiroutes import ApiError


def signed_in(req, res, next):
    if "authorization" not in req.headers:
        raise ApiError(401)
    next()


middleware = [signed_in]
maxDuration = 5


def GET():
    return "yes"
