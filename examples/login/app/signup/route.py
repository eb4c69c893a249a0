from apiroutes import hash_password, use
from apiroutes.middleware import rate_limit
from users import Credentials, execute, page


def GET(res):
    res.redirect(303, "/")


@use(rate_limit("10/hour"))
def POST(body: Credentials):
    # The hash is made in any case: the time tells nothing either.
    execute("INSERT OR IGNORE INTO users VALUES (NULL, ?, ?, '')", body.email, hash_password(body.password))
    return page("index.html", message="If the address was new, the account is ready: sign in.")
