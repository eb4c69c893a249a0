def POST(req):
    req.session.clear()
    return {"left": True}
