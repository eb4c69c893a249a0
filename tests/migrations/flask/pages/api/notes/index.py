def GET():
    return []


def POST():
    return {"id": 7}
