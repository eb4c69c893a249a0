from attacked_keys import NEW, OLD

from apiroutes import use
from apiroutes.middleware import jwt


@use(jwt({"old": OLD, "new": NEW}, algorithms=["HS256"], audience="api", issuer="https://issuer.example"))
def GET(req):
    return {"user": req.context["user"]["sub"]}
