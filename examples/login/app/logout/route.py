def handler(req, res):
    if req.method == "POST":  # what a link or another site can make a browser send signs nobody out
        req.session.clear()
    res.redirect(303, "/")
