async def GET(params):
    return {"file": "[[...slug]]", "params": params}
