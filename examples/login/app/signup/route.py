from apiroutes import hash_password, use
from apiroutes.middleware import rate_limit
from users import Credentials, execute, page


@use(rate_limit("10/hour"))
def POST(body: Credentials):
    user = body.email, hash_password(body.password)  # made in any case: the time tells nothing either
    execute("INSERT INTO users VALUES (NULL, ?, ?, '') ON CONFLICT DO NOTHING", *user)
    return page("index.html", message="If the address was new, the account is ready: sign in.")
