import asyncio


async def handler(req, res):
    await asyncio.sleep(0.005)
    res.json({"message": "Hello"})
