from apiroutes import Request, Response

from ._lib import js, target


def handler(req: Request, res: Response) -> None:
    query = js(req.query)
    res.json({"query": query, "keys": list(query), "url": target(req)})
