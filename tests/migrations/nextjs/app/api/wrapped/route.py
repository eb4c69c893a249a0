from apiroutes import ApiError, use


def signed_in(req, res, next):
    if "authorization" not in req.headers:
        raise ApiError(401)
    next()


@use(signed_in)
def GET(request):
    return "yes"


def POST():
    return "anybody"
