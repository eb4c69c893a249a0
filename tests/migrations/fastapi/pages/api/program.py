from ported_fastapi.people import programs

middleware = [programs]


def GET(request):
    return request.context["user"]
