dynamic = "force-dynamic"


def GET():
    return "anew"
