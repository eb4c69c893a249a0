config = {"rateLimit": "3/hour"}


def GET(id):
    return {"id": id}
