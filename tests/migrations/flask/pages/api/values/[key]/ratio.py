def GET(key: float):
    return {"key": key}
