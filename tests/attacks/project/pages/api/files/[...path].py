def handler(req, res):
    res.json({"path": req.query["path"]})
