from apiroutes import Request, Response

from .._lib import tag


def handler(req: Request, res: Response) -> None:
    depth, value = 0, req.body
    while isinstance(value, (dict, list)):
        depth += 1
        value = value.get("a") if isinstance(value, dict) else next(iter(value), None)
    res.json({"type": tag(req.body)["type"], "depth": depth})
