def GET(params):
    return params["_splat"]
