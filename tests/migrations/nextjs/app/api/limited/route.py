config = {"rateLimit": "100/minute"}


def GET():
    return "limited"
