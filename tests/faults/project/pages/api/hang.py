import time

from ._logs import log

config = {"maxDuration": 1}


def GET():
    while True:
        log.info("waiting")
        time.sleep(0.01)
