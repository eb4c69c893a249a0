def GET(params):
    return "/".join(params["path"])
