from apiroutes import use
from apiroutes.middleware import rate_limit


def sign_in_nobody(req, res, next):
    return next()


@use(sign_in_nobody, rate_limit("3/hour", by="key"))
def GET(req):
    return {"ok": True}
