from attacked_keys import HOOKS

from apiroutes import use
from apiroutes.middleware import webhook


@use(webhook("standard", secret=HOOKS, tolerance=10**9))
def POST(req):
    return {"taken": req.raw_body.decode("latin-1")}
