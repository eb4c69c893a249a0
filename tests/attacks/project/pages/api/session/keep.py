def POST(req):
    req.session[req.query["n"]] = req.query["v"]
    return {"kept": True}
