import os


def GET():
    return {"pid": os.getpid()}
