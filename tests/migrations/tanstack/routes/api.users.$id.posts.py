def GET(params):
    return params["id"]
