def GET():
    return "feed"
