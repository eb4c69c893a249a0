config = {"api": {"bodyParser": False}}


def POST(req):
    return {"bytes": len(req.stream.read())}


def PUT(req):
    return [req.get_json(force=True, silent=True)]
