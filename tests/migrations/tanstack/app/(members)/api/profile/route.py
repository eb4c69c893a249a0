def GET(request):
    return request.context["user"]
