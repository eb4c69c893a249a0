def GET(params):
    return "/".join(params["name"])
