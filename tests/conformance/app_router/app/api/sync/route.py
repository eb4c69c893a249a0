from apiroutes import text


def GET():
    return text("sync")
