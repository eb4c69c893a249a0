from datetime import timedelta

from ported_flask.steps import NotOurs, Upper

from apiroutes import from_wsgi, json
from apiroutes.middleware import cors, proxy_fix, security_headers, sessions, trusted_hosts


def api(req, res, next):
    next()
    res.set_header("X-Api", "1")


def errors(req, res, next):
    try:
        next()
    except NotOurs as error:
        return json({"error": str(error)}, status=409)
    if res.status_code == 404:
        return json({"error": "Nothing here"}, status=404)


middleware = [
    proxy_fix(),
    trusted_hosts(["localhost"]),
    security_headers(),
    cors(["https://app.example.com"], credentials=True),
    sessions(max_age=timedelta(days=31)),
    from_wsgi(Upper),
    api,
    errors,
]
