from apiroutes import Request, Response

from ._lib import js


def handler(req: Request, res: Response) -> None:
    cookies = js(req.cookies)
    res.json({"cookies": cookies, "keys": list(cookies)})
