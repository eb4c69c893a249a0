from attacked_keys import TOKENS

from apiroutes import use
from apiroutes.middleware import jwt


@use(jwt(TOKENS, algorithms=["HS256"], audience="api", issuer="https://issuer.example"))
def GET(req):
    return {"user": req.context["user"]["sub"]}
