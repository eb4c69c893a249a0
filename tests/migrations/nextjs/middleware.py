from apiroutes.middleware import proxy_fix, security_headers


def api(req, res, next):
    next()
    res.set_header("X-Api", "1")


middleware = [proxy_fix(), security_headers({"X-Frame-Options": "DENY"}), api]
