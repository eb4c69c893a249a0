async def GET(params):
    return {"file": "fixed/[...r]", "params": params}
