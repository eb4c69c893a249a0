def POST(req):
    if "user" in req.session:
        req.session["user"] = req.session["user"]
    return {"ok": True}
