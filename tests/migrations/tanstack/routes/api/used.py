from ported_start.steps import signed_in

from apiroutes import use


def GET():
    return "anybody"


@use(signed_in)
def DELETE(response):
    response.status(204)
