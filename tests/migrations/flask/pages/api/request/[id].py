def handler(req, res):
    note = 7
    res.json(
        {
            "args": [req.args.get("q"), req.args.getlist("tag")],
            "form": req.form.get("a"),
            "values": req.values.get("q"),
            "data": req.get_data(as_text=True),
            "headers": req.headers.get("X-Token"),
            "cookie": req.cookies.get("theme"),
            "method": req.method,
            "urls": [req.path, req.full_path, req.url, req.base_url, req.host, req.host_url],
            "secure": req.is_secure,
            "scheme": req.scheme,
            "address": req.remote_addr,
            "agent": req.user_agent.string,
            "accept": req.accept_mimetypes.best_match(["text/html", "application/json"]),
            "authorization": req.authorization and req.authorization.token,
            "view args": req.params,
            "rule": req.route_pattern,
            "link": f"{req.root_path}/api/notes/{note}",
            "external": f"{req.root_url}api/notes/{note}",
            "app": req.app["name"],
        }
    )
