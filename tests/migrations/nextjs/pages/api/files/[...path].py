def GET(params):
    return params["path"]
