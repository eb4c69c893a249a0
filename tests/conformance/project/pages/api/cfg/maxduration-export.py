from apiroutes import Request, Response

maxDuration = 5


def handler(req: Request, res: Response) -> None:
    res.json({"ok": True})
