def handler(req, res):
    cookies = req.cookies
    res.set_header("X-Request-Id", "c9f0f895fb98").set_header("Cache-Control", "no-store")
    res.set_cookie("visits", str(int(cookies["visits"]) + 1), samesite=None)
    res.status(201).json({"session": cookies["session"], "theme": cookies["theme"]})
