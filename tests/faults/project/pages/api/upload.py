import os

from ._events import log

config = {"api": {"bodyParser": {"sizeLimit": "64mb"}}}


def POST(req):
    size = req.files["f"].seek(0, os.SEEK_END)
    log(event="upload", n=size)
    return {"n": size}
