def POST(req):
    req.session.rotate("ada")
    req.session["user"] = "ada"
    return {"names": sorted(req.session)}
