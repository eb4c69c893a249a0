def GET(req):
    return [req.app["started"], list(req.app["faults"])]


def POST():
    raise LookupError
