import json
from urllib.parse import urljoin


def GET(request, query):
    return {
        "path": request.path,
        "q": [request.args.get("q"), query.get("q")],
        "tags": request.args.getlist("tag"),
        "has": "q" in request.args,
        "url": request.url,
        "search": request.query_string.decode(),
        "host": [request.host_url, request.host_url.rstrip("/")],
        "sign-in": urljoin(request.url, "/signin"),
        "root": request.root_path,
        "theme": [request.cookies.get("theme"), "theme" in request.cookies, dict(request.cookies)],
        "token": request.headers.get("X-Token"),
        "address": request.remote_addr,
        "agent": request.user_agent.string,
    }


def POST(body):
    return body


def PUT(request):
    return [request.json, request.get_data(as_text=True), request.raw_body.decode()]


def PATCH(request):
    return [request.form["name"], request.files["photo"].filename]


def DELETE(request):
    return [request.get_json(force=True), json.loads(request.raw_body)]
