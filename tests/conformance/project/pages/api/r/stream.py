import asyncio
from collections.abc import Iterator

from apiroutes import Request, Response

from .._lib import Handler, ask, chunks, perform


def broken(*parts: str) -> Iterator[str]:
    yield from parts
    raise RuntimeError("destroyed")


def pipe(q: Request, s: Response) -> None:
    for part in chunks("a", "b", "c"):
        s.write(part)
    s.end()


def pipe_typed(q: Request, s: Response) -> None:
    pipe(q, s.set_header("Content-Type", "text/plain"))


async def slow(q: Request, s: Response) -> None:
    s.write("a")
    await asyncio.sleep(0.05)
    s.write("b")
    await asyncio.sleep(0.05)
    s.end()


KINDS: dict[str, Handler] = {
    "pipe": pipe,
    "pipe-ct": pipe_typed,
    "send-ct": lambda q, s: s.set_header("Content-Type", "text/csv").send(chunks("x,y\n", "1,2\n")),
    "send-error": lambda q, s: s.send(broken("part")),
    "send-error-first": lambda q, s: s.send(broken()),
    "send-status": lambda q, s: s.status(206).send(chunks("p")),
    "send-204": lambda q, s: s.status(204).send(chunks("p")),
    "send-cl": lambda q, s: s.set_header("Content-Length", 4).send(chunks("four")),
    "duplex": lambda q, s: s.send(chunks("pt")),
    "oldstream": lambda q, s: s.send(chunks("old")),
    "slow": slow,
}


async def handler(req: Request, res: Response) -> None:
    if ask(req, "kind") not in KINDS:
        res.status(400).json({"error": "unknown kind"})
        return
    await perform(KINDS, ask(req, "kind"), req, res)
