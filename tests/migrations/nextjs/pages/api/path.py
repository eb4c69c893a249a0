def GET(req):
    return [req.full_path, req.environ.get("RAW_URI") or req.environ.get("REQUEST_URI")]
