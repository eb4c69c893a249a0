def handler(req, res):
    res.json({"secret": "admin-only"})
