config = {"api": {"bodyParser": False}}


def POST(req):
    return {"bytes": len(req.stream.read())}
