from dataclasses import dataclass


@dataclass
class NewCode:
    code: str


def POST(body: NewCode):
    return body.code


def PUT(req):
    return req.body["code"]
