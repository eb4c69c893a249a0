from apiroutes import text


async def GET(request):
    return text(f"GET handler, request.method={request.method}", headers={"x-handler": "GET"})


async def HEAD(request):
    return text(f"HEAD handler, request.method={request.method}", headers={"x-handler": "HEAD"})


async def OPTIONS(request):
    return text(f"OPTIONS handler, request.method={request.method}", headers={"x-handler": "OPTIONS"})


async def POST(request):
    return text(f"POST handler, request.method={request.method}", headers={"x-handler": "POST"})


async def PUT(request):
    return text(f"PUT handler, request.method={request.method}", headers={"x-handler": "PUT"})


async def DELETE(request):
    return text(f"DELETE handler, request.method={request.method}", headers={"x-handler": "DELETE"})


async def PATCH(request):
    return text(f"PATCH handler, request.method={request.method}", headers={"x-handler": "PATCH"})
