def answer(request):
    return request.method


GET = POST = answer
