from apiroutes import Request, Response

from ._lib import returned, typeof


def handler(req: Request, res: Response) -> None:
    res.json({"lastJsonReturn": typeof(returned.get("json"))})
