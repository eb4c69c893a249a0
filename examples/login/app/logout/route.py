def POST(req, res):
    req.session.clear()
    res.redirect(303, "/")
