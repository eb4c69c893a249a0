from apiroutes import Request, Response

from .._lib import body_of, code_units, tag


def handler(req: Request, res: Response) -> None:
    body = body_of(req)
    if isinstance(body, str):
        units = code_units(body)
        res.json({"type": "string", "units": units[:64], "length": len(units)})
    else:
        res.json(tag(body))
