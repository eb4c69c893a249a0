from apiroutes import Request, Response

from .._lib import answer_value


def handler(req: Request, res: Response) -> None:
    answer_value(req, res, res.send)
