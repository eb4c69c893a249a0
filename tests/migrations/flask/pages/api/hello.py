def GET():
    return "Hello"
