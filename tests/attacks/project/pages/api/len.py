def handler(req, res):
    body = req.body
    res.json({"type": type(body).__name__, "n": len(body) if hasattr(body, "__len__") else None})
