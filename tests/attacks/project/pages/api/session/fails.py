def POST(req):
    req.session["user"] = "half"
    raise RuntimeError("s3cr3t")
