from apiroutes import text


async def GET():
    return text("get")


async def OPTIONS():
    return text("", status=204, headers={"Allow": "GET", "Access-Control-Allow-Origin": "*"})
