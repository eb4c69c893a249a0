from apiroutes import Request, Response

from .._lib import body_of, tag


def handler(req: Request, res: Response) -> None:
    complete = len(req.raw_body) == (req.content_length or 0)
    res.json({"again": len(req.stream.read()), "body": tag(body_of(req)), "complete": complete})
