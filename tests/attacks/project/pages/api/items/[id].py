def handler(req, res):
    res.json({"id": req.query["id"]})
