from apiroutes import text


async def PATCH():
    return text("patch")
