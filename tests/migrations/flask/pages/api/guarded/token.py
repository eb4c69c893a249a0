from ported_flask.people import tokens

middleware = [tokens]


def GET(req):
    return dict(req.context["user"])
