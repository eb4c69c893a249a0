def GET():
    return "User-agent: *\n"
