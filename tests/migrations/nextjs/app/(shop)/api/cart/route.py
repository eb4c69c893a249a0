from ...._lib.db import cart


def GET(request):
    return cart
