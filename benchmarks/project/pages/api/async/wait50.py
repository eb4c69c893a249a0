import asyncio


async def handler(req, res):
    await asyncio.sleep(0.05)
    res.json({"message": "Hello"})
