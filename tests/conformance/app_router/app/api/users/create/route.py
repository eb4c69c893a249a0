async def GET():
    return {"file": "create"}
