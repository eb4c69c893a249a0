from ._events import log

config = {"api": {"bodyParser": {"sizeLimit": "64mb"}}}


def POST(req):
    size = len(req.raw_body)
    log(event="len", n=size, declared=req.headers.get("Content-Length"))
    return {"n": size}
