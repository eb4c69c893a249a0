"""Sign out of this site, and not of the provider."""

from apiroutes import Request, Response


def POST(req: Request, res: Response) -> None:
    req.session.clear()
    res.status(204).end()
