def handler(req, res):
    res.json({"secret": "user-data-" + (req.cookies.get("sid") or "anon")})
