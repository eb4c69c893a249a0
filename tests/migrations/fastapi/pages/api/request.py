import os


def GET(request):
    return [
        request.headers.get("X-Token"),
        request.cookies.get("theme"),
        request.url,
        request.args["q"],
        request.params,
        request.remote_addr,
        request.app["name"],
        os.environ["KEY"],
    ]


def POST(request):
    return [request.json, request.raw_body.decode()]
