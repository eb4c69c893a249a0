async def GET(params):
    return {"file": "[id]", "params": params}
