async def GET(params):
    return {"file": "[a]/[b]", "params": params}
