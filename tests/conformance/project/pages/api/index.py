from apiroutes import Request, Response


def handler(req: Request, res: Response) -> None:
    res.status(200).send("Index should work")
