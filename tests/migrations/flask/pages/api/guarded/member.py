from lib.people import member

middleware = [member]


def GET(req):
    return req.context["user"]
