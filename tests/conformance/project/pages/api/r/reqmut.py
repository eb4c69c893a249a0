from apiroutes import Request, Response


def handler(req: Request, res: Response) -> None:
    first, again = req.body, req.body
    assert first is again
    req.body = "changed"
    req.cookies = {"x": "y"}
    res.json({"body": req.body, "cookies": req.cookies})
