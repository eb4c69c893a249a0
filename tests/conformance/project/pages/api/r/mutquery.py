from apiroutes import Request, Response

from .._lib import js


def handler(req: Request, res: Response) -> None:
    req.query["added"] = "1"
    req.query.pop("a", None)
    res.json(js(req.query))
