from apiroutes import ApiError


def middleware(req, res, next):
    if "owner" not in req.session:
        raise ApiError(401)
    next()
