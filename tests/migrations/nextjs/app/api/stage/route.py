import os


def GET():
    return os.environ["STAGE"]
