from apiroutes import Request, Response

config = {"api": {"responseLimit": "1kb"}}


def handler(req: Request, res: Response) -> None:
    res.write("z" * 600)
    res.write("z" * 600)
    res.end()
