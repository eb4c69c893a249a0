def handler(req, res):
    res.status(200).json({"ok": True, "name": "hello"})
