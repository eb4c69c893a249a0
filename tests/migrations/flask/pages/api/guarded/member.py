from ported_flask.people import member

middleware = [member]


def GET(req):
    return req.context["user"]
