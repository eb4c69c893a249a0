import os
import time


def GET(query):
    time.sleep(int(query.get("ms", 1000)) / 1000)
    return {"pid": os.getpid()}
