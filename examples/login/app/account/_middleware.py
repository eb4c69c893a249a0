from users import execute


def middleware(req, res, next):
    req.context["user"] = execute("SELECT id, email, note FROM users WHERE id = ?", req.session.owner)
    return next() if req.context["user"] else res.redirect(303, "/")
