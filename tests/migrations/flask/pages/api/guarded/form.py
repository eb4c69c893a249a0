from apiroutes.middleware import csrf

middleware = [csrf()]


def POST():
    return "yes"
