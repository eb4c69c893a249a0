async def GET():
    return {"file": "index"}
