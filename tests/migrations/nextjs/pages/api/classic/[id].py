def handler(req, res):
    res.json(
        {
            "method": req.method,
            "token": req.headers.get("X-Token"),
            "path": req.full_path,
            "url": req.url,
            "id": req.query["id"],
            "tag": req.query["tag"],
            "theme": req.cookies.get("theme"),
            "body": req.body,
            "address": req.remote_addr,
            "draft": [req.draft_mode, req.preview_data],
            "user agent": req.user_agent.string,
            "language": req.accept_languages.best_match(["en", "de"]),
        }
    )
