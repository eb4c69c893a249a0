import json

from apiroutes import Request, Response

from .._lib import tag

config = {"api": {"bodyParser": False}}


def handler(req: Request, res: Response) -> None:
    req.body = json.loads(req.stream.read())
    res.json({"body": tag(req.body)})
