from attacked_keys import PLAIN_HOOKS

from apiroutes import use
from apiroutes.middleware import webhook


@use(webhook("slack", secret=PLAIN_HOOKS, tolerance=10**9))
def POST(req):
    return {"taken": req.raw_body.decode("latin-1")}
