async def GET(params):
    return {"file": "[a]/x", "params": params}
