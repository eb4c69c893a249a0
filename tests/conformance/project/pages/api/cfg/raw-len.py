from apiroutes import Request, Response

config = {"api": {"bodyParser": False}}


def handler(req: Request, res: Response) -> None:
    res.json({"length": len(req.stream.read())})
