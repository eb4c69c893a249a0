def handler(req, res):
    res.json({"cookies": dict(req.cookies)})
