from apiroutes import text


async def GET():
    return text("Hello, Next.js!")
