from apiroutes import text


async def GET():
    return text("get body", headers={"x-handler": "GET"})


async def HEAD():
    return text("head body", status=202, headers={"x-handler": "HEAD"})
