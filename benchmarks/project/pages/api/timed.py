config = {"maxDuration": 60}


def handler(req, res):
    res.json({"message": "Hello"})
