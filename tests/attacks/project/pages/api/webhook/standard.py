from attacked_keys import HOOKS

from apiroutes import use
from apiroutes.middleware import webhook


@use(webhook("standard", secret=HOOKS))
def POST(req):
    return {"taken": req.raw_body.decode("latin-1")}
