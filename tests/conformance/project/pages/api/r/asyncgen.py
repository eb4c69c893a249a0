from apiroutes import Request, Response

from .._lib import Handler


def wrap(inner: Handler) -> Handler:
    def wrapped(req: Request, res: Response) -> None:
        res.set_header("X-Wrapped", "1")
        inner(req, res)

    return wrapped


@wrap
def handler(req: Request, res: Response) -> None:
    res.json({"wrapped": True})
