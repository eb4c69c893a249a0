config = {"maxDuration": 1}


def GET():
    while True:
        pass
