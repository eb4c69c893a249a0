from apiroutes import Request, Response

from ._lib import body_of, js, pick, tag, target


def handler(req: Request, res: Response) -> None:
    res.status(200).json(
        {
            "method": req.method,
            "url": target(req),
            "query": js(req.query),
            "body": tag(body_of(req)),
            "cookies": js(req.cookies),
            "headers": pick(req),
        }
    )
