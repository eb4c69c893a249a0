def GET(req):
    return [req.context["user"], req.headers.get("X-User")]
