def handler(req, res):
    res.json({"items": len(req.body)})
