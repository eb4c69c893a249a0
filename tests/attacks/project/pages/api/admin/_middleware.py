def middleware(req, res, next):
    if req.headers.get("x-admin-key") == "k":
        next()
    else:
        res.status(401).json({"error": "unauthorized"})
