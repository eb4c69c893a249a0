import time


def handler(req, res):
    time.sleep(0.05)
    res.json({"message": "Hello"})
