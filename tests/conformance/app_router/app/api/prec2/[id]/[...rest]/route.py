async def GET(params):
    return {"file": "[id]/[...rest]", "params": params}
