config = {"rateLimit": "3/hour"}


def handler(req, res):
    res.json({"ok": True})
