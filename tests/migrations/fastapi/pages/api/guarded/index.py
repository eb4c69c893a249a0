def GET(request):
    request.context["user"] = "ada"
    return request.context["user"] + request.context["kept"]
