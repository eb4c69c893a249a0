from ._runs import number

revalidate = 60


def handler(req, res):
    code = int(req.query["code"])
    if code in (302, 307):
        res.redirect(code, "/x")
    else:
        res.status(code).json({"n": number()})
