revalidate = 3600


def GET(req, res):
    res.json({"message": "Hello"})
