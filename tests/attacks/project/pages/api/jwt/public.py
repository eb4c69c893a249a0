from attacked_keys import PUBLIC_KEY

from apiroutes import use
from apiroutes.middleware import jwt


@use(jwt(PUBLIC_KEY, algorithms=["RS256"], audience="api", issuer="https://issuer.example"))
def GET(req):
    return {"user": req.context["user"]["sub"]}
