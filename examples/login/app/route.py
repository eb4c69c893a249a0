from apiroutes import redirect, use, verify_password
from apiroutes.middleware import rate_limit
from users import Credentials, execute, page


def GET(req):
    is_signed_in = execute("SELECT 1 FROM users WHERE id = ?", req.session.owner)
    return redirect("/account", 303) if is_signed_in else page("index.html", message="")


@use(rate_limit("5/minute", failures_only=True, fail="closed"))
@use(rate_limit("50/hour", by="body.email", failures_only=True, fail="closed"))
def POST(req, body: Credentials):
    id, hash = execute("SELECT id, hash FROM users WHERE email = ?", body.email) or (None, None)
    if not verify_password(body.password, hash):  # which takes as long where there is no such user
        return page("index.html", 403, message="The address or the password is wrong.")
    req.session.rotate(owner=str(id))
    return redirect("/account", 303)
