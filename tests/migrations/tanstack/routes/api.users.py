def GET():
    return ["ada"]
