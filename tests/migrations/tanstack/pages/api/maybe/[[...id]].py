def GET(params):
    return params.get("id", [])
