import time

config = {"maxDuration": 1}


def GET():
    while True:
        time.sleep(1)
