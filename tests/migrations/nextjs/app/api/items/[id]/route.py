def GET(params):
    return {"id": params["id"]}
