async def GET(params):
    return {"file": "[a]/[...rest]", "params": params}
