import os


def GET(request, query):
    return {
        "q": query.get("q"),
        "method": request.method,
        "url": request.url,
        "path": request.path,
        "token": request.headers.get("X-Token"),
        "theme": request.cookies.get("theme"),
        "address": request.remote_addr,
        "host": request.host,
        "key": os.environ["KEY"],
    }


def POST(request):
    return [request.json, request.get_data(as_text=True), request.raw_body.decode()]


def PUT(request):
    return [request.form["name"], request.files["photo"].filename]


def PATCH(request):
    request.session["name"] = "ada"
    return request.session["name"]
