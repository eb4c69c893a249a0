def handler(req, res):
    res.revalidate(req.query["path"])
    res.json({"revalidated": True})
