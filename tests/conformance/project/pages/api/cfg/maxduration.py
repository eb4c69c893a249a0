import asyncio

from apiroutes import Request, Response

config = {"maxDuration": 1}


async def handler(req: Request, res: Response) -> None:
    await asyncio.sleep(1.3)
    res.json({"waited": True})
