from apiroutes import Request, Response

from .._lib import js


def handler(req: Request, res: Response) -> None:
    keys = list(js(req.body))
    res.json({"n": len(keys), "first": keys[0] if keys else None, "last": keys[-1] if keys else None})
