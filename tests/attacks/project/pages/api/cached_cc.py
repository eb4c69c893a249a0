from ._runs import number

config = {"cache": {"revalidate": 60}}


def handler(req, res):
    for key, name in (("cc", "Cache-Control"), ("vary", "Vary")):
        if key in req.query:
            res.set_header(name, req.query[key])
    res.json({"n": number(), "lang": req.headers.get("Accept-Language")})
