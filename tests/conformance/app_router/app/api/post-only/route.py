from apiroutes import text


async def POST(request):
    return text(f"post-only {request.get_data(as_text=True)}", status=201)
