from ._logs import log

config = {"maxDuration": 1}


def GET():
    while True:
        log.info("computed %d", sum(range(300)))
