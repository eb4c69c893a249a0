async def GET(request):
    return request.path
