from apiroutes import text


async def GET(request):
    return text(
        f"get-only {request.method}",
        headers={"x-handler": "GET", "content-type": "text/x-get", "content-length": "12"},
    )
