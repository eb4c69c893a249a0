config = {"api": {"bodyParser": {"sizeLimit": "1kb"}}}


def handler(req, res):
    body, _ = req.body, req.files
    res.json({"ok": True, "type": type(body).__name__})
