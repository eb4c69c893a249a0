import os

from apiroutes import Session


def GET(session: Session):
    return dict(session)


def POST(req):
    req.session["owner"] = "ada"
    return {"uploads": os.environ["UPLOADS"]}


def DELETE(session: Session, res):
    session.clear()
    res.status(204)
