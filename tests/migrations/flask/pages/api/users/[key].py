def GET(key: str):
    if key.isdecimal():
        return {"id": int(key)}
    return {"name": key}
