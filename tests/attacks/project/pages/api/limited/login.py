from apiroutes import ApiError, use
from apiroutes.middleware import rate_limit


@use(rate_limit("3/hour", failures_only=True))
def POST(req):
    if req.query.get("password") != "right":
        raise ApiError(401)
    return {"ok": True}
