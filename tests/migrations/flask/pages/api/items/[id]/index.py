from ported_flask.shop import DB, Item
from werkzeug.exceptions import abort

from apiroutes import ApiError


def GET(db: DB, id: int):
    item = db.get(Item, id) or abort(404)
    return {"title": item.title}


def DELETE(db: DB, id: int):
    item = db.get(Item, id) or abort(404)
    item.title = "refused"
    db.commit()
    raise ApiError(409, f"{item.title} once")


def PUT(db: DB, id: int):
    item = db.get(Item, id) or abort(404)
    item.title = "lost"
    raise ApiError(409)
