from apiroutes import text


async def OPTIONS():
    return text("options body", status=200)
