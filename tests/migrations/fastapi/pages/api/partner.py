from ported_fastapi.people import partners

middleware = [partners]


def GET(request):
    return request.context["user"]
