def handler(req, res):
    res.json({"changed": req.method not in ("GET", "HEAD")})
