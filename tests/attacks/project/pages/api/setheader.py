def handler(req, res):
    res.set_header(req.query["n"], req.query["v"])
    res.json({"ok": True})
