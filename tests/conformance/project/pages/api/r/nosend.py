import asyncio
from typing import Any

from werkzeug import Response as Page

from apiroutes import Request, Response

from .._lib import Handler, ask, perform


async def nothing(q: Request, s: Response) -> None:
    pass


async def delayed(q: Request, s: Response) -> None:
    await asyncio.sleep(0.1)
    s.status(202).json({"delayed": True})


# Next.js ignores what a function returns, so these return None unless the recorded one says `return`.
KINDS: dict[str, Handler] = {
    "none": lambda q, s: None,
    "return-value": lambda q, s: {"a": 1},
    "return-response": lambda q, s: Page("x"),
    "async-none": nothing,
    "delayed": delayed,
    "status-only": lambda q, s: s.status(201) and None,
    "header-only": lambda q, s: s.set_header("X-A", "1") and None,
    "flush-only": lambda q, s: None,
    "write-only": lambda q, s: s.write("abc") and None,
}


async def handler(req: Request, res: Response) -> Any:
    return await perform(KINDS, ask(req, "kind"), req, res)
