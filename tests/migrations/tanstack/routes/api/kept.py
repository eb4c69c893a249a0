revalidate = 60


def GET():
    return "kept"
