TEXT = "All the world's a stage, and all the men and women mere players\n" * 1600


def handler(req, res):
    res.send(TEXT)
