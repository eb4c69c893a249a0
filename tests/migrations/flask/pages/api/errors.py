from ported_flask.steps import NotOurs


def GET():
    raise NotOurs("not ours")


def POST():
    raise LookupError


def PUT(req):
    return list(req.app["faults"])
