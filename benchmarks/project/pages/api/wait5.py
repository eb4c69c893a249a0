import time


def handler(req, res):
    time.sleep(0.005)
    res.json({"message": "Hello"})
