import secrets

from ._runs import number

revalidate = 60


def handler(req, res):
    res.set_cookie("sid", secrets.token_hex(8))
    res.json({"n": number()})
