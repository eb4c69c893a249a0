def POST(req, name: str):
    req.session["name"] = name
    return {}


def GET(req):
    return req.session["name"]
