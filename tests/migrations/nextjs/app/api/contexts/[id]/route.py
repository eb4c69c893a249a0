def GET(request, params):
    return params["id"]


def POST(request, context):
    return context
