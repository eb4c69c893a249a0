import asyncio

from apiroutes import Request, Response

from .._lib import body_of, tag

config = {"api": {"externalResolver": True}}


async def handler(req: Request, res: Response) -> None:
    await asyncio.sleep(0.05)
    res.status(200).json({"external": True, "body": tag(body_of(req))})
