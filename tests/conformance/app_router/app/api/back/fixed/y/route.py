async def GET():
    return {"file": "fixed/y"}
