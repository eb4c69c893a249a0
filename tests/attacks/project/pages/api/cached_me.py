from ._runs import number

revalidate = 60


def handler(req, res):
    user, auth = req.cookies.get("sid") or "anon", req.headers.get("Authorization")
    res.json({"n": number(), "user": user, "auth": auth})
