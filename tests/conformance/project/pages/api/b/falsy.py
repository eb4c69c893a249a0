from apiroutes import Request, Response

from .._lib import body_of, typeof


def handler(req: Request, res: Response) -> None:
    body = body_of(req)
    falsy = not body and not isinstance(body, (dict, list))
    res.json({"falsy": falsy, "type": "object" if body is None else typeof(body), "isNull": body is None})
