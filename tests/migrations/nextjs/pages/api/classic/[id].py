def handler(req, res):
    res.json(
        {
            "method": req.method,
            "token": req.headers.get("X-Token"),
            "path": [req.path, req.full_path, req.environ["RAW_URI"], req.query_string.decode()],
            "url": req.url,
            "id": req.query["id"],
            "tag": [req.query["tag"], req.args.get("tag"), req.args.getlist("tag")],
            "missing": req.query.get("p"),
            "theme": req.cookies.get("theme"),
            "body": req.body,
            "address": req.remote_addr,
            "draft": [req.draft_mode, req.preview_data],
            "user agent": req.user_agent.string,
            "language": req.accept_languages.best_match(["en", "de"], "en"),
        }
    )
