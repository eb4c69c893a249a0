def GET(params):
    return params.get("path", [])
