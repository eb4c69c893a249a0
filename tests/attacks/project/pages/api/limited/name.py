from apiroutes import use
from apiroutes.middleware import rate_limit


@use(rate_limit("3/hour", by=lambda req: req.query.get("name")))
def GET(req):
    return {"ok": True}
