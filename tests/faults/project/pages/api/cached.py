import time

from ._events import log

revalidate = 60


def GET():
    log(event="compute")
    time.sleep(0.3)
    return {"ok": True, "t": time.time()}
