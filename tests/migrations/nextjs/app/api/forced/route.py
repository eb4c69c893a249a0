dynamic = "force-static"


def GET():
    return "once"
