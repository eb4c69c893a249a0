def handler(req, res):
    query = req.query
    parts = {name: query[key] for key, name in (("p", "path"), ("d", "domain")) if key in query}
    res.set_cookie(query["n"], query["v"], **parts)
    res.json({"ok": True})
