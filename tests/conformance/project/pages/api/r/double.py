import asyncio

from apiroutes import Request, Response

from .._lib import Handler, ask, perform


async def json_then_json(q: Request, s: Response) -> None:
    s.json({"n": 1})
    await asyncio.sleep(0.02)
    s.json({"n": 2})


# writeHead(500) is status(500): nothing is sent by it.
KINDS: dict[str, Handler] = {
    "json-json": lambda q, s: (s.json({"n": 1}), s.json({"n": 2})),
    "send-send": lambda q, s: (s.send("one"), s.send("two")),
    "send-json": lambda q, s: (s.send("one"), s.json({"n": 2})),
    "json-status-json": lambda q, s: (s.json({"n": 1}), s.status(500).json({"n": 2})),
    "end-end": lambda q, s: (s.end("one"), s.end("two")),
    "end-json": lambda q, s: (s.end("one"), s.json({"n": 2})),
    "json-redirect": lambda q, s: (s.json({"n": 1}), s.redirect("/x")),
    "redirect-json": lambda q, s: (s.redirect("/x"), s.json({"n": 2})),
    "redirect-redirect": lambda q, s: (s.redirect("/x"), s.redirect("/y")),
    "json-write": lambda q, s: (s.json({"n": 1}), s.write("more")),
    "json-writehead": lambda q, s: (s.json({"n": 1}), s.status(500)),
    "json-setheader": lambda q, s: (s.json({"n": 1}), s.set_header("X-A", "1")),
    "json-removeheader": lambda q, s: (s.json({"n": 1}), s.remove_header("ETag")),
    "async-json-json": json_then_json,
    "send204-json": lambda q, s: (s.status(204).end(), s.json({"n": 2})),
}


async def handler(req: Request, res: Response) -> None:
    await perform(KINDS, ask(req, "kind"), req, res)
