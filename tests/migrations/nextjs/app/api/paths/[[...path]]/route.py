from urllib.parse import quote, urlencode


def GET(request):
    return [request.path, quote(request.path), urlencode({"next": request.path})]
