def handler(req, res):
    if req.method in ("GET", "POST"):
        res.json({"method": req.method})
    else:
        res.set_header("Allow", "GET, POST").status(405).end()
