import asyncio

from apiroutes import Request, Response

from .._lib import typeof

config = {"api": {"externalResolver": True, "bodyParser": False}}


async def handler(req: Request, res: Response) -> None:
    await asyncio.sleep(0.05)
    res.json({"external": True, "bodyType": typeof(req.body)})
