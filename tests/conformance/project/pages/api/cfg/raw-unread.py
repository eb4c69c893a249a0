from apiroutes import Request, Response

from .._lib import typeof

config = {"api": {"bodyParser": False}}


def handler(req: Request, res: Response) -> None:
    res.json({"bodyType": typeof(req.body)})
