from apiroutes import text


async def PUT():
    return text("put")


async def DELETE():
    return text("", status=204)
