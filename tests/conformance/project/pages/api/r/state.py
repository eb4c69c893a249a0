from apiroutes import Request, Response

n = 0


def handler(req: Request, res: Response) -> None:
    global n
    n += 1
    res.json({"n": n})
