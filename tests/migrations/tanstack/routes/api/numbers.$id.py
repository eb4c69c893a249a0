def GET(id: int):
    return id
