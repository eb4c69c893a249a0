from apiroutes import Request, Response

Data = dict[str, str]


def handler(req: Request[Data], res: Response[Data]):
    res.json({"id": req.params["id"], "method": req.method, **(req.body or {})})
