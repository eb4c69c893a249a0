def handler(req, res):
    if "code" in req.query:
        res.redirect(int(req.query["code"]), req.query["to"])
    else:
        res.redirect(req.query["to"])
