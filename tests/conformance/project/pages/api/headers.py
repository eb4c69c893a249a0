from apiroutes import Request, Response

from ._lib import defined

FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port")


def handler(req: Request, res: Response) -> None:
    res.json(
        defined(
            names=sorted(map(str.lower, dict(req.headers))),
            forwarded={name: req.headers[name] for name in FORWARDED if name in req.headers},
            test=req.headers.get("x-test"),
            dup=req.headers.get("x-dup"),
            cookie=req.headers.get("cookie"),
            raw=len(req.headers),
        )
    )
