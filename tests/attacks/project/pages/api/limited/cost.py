from apiroutes import use
from apiroutes.middleware import rate_limit


@use(rate_limit("3/hour", cost=lambda req: int(req.query["n"])))
def GET(req):
    return {"ok": True}
