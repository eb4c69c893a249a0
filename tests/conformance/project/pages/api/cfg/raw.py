import base64

from apiroutes import Request, Response

from .._lib import typeof

config = {"api": {"bodyParser": False}}


def handler(req: Request, res: Response) -> None:
    content = req.stream.read()
    encoded = base64.b64encode(content).decode()
    res.json({"bodyType": typeof(req.body), "base64": encoded, "length": len(content)})
