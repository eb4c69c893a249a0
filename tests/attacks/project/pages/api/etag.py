def handler(req, res):
    if req.method == "POST":
        res.json({"ok": True})
    else:
        res.send("0123456789" * 100)
