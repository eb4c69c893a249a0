from ported_start.steps import signed_in

middleware = [signed_in]


def handler(req, res):
    res.json([req.method, req.context["user"]])
