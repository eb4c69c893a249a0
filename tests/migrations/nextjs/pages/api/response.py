from apiroutes import after

sent = []


def send():
    sent.append("sent")


def handler(req, res):
    how = req.query["how"]
    value, data, chunk = {"a": 1}, "data", "chunk"
    if how == "json":
        res.status(201).json(value)
    elif how == "send":
        res.send(value)
    elif how == "end":
        res.end(data)
    elif how == "write":
        before = res.headers_sent
        res.write(chunk)
        res.end(f"{before}{res.headers_sent}")
    elif how == "status":
        res.status_code = 202
        res.json(value)
    elif how == "redirect":
        res.redirect("/api/a")
    elif how == "permanent":
        res.redirect(308, "/api/a")
    elif how == "headers":
        res.set_header("X-A", "1")
        res.append_header("X-A", "2")
        res.set_headers({"X-B": "1", "X-C": "2"})
        res.remove_header("X-B")
        res.json([res.get_header("X-A"), "X-A" in res.headers])
    elif how == "head":
        res.status(203).set_headers({"X-D": "1"})
        res.end("later")
    elif how == "cookies":
        res.set_cookie("theme", "dark", max_age=3600)
        res.delete_cookie("theme")
        res.end()
    elif how == "draft":
        res.set_draft_mode(True)
        res.end()
    elif how == "published":
        res.set_draft_mode(False)
        res.end()
    elif how == "preview":
        res.set_preview_data({"version": 7}, max_age=60)
        res.end()
    elif how == "no preview":
        res.clear_preview_data()
        res.end()
    elif how == "after":
        after(send)
        res.json(sent)
