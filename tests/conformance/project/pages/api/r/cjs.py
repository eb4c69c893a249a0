from apiroutes import Request, Response


def handler(req: Request, res: Response) -> None:
    res.json({"cjs": True})
