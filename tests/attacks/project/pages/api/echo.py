def handler(req, res):
    body = req.body.decode("latin-1") if isinstance(req.body, bytes) else req.body
    res.json(
        {
            "method": req.method,
            "query": req.query,
            "body": body,
            "cookies": req.cookies,
            "type": type(req.body).__name__,
        }
    )
