from ._runs import number

revalidate = 60


def handler(req, res):
    res.json({"n": number(), "q": req.query})
