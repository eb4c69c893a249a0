def handler(req, res):
    code = req.query["raw"] if "raw" in req.query else int(req.query["code"])
    res.status(code).send("body-text")
