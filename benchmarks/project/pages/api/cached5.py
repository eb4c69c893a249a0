import time

revalidate = 3600


def handler(req, res):
    time.sleep(0.005)
    res.json({"message": "Hello"})
