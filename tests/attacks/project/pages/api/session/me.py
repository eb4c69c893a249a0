def GET(req):
    return {"user": req.session.get("user"), "owner": req.session.owner, "names": sorted(req.session)}
