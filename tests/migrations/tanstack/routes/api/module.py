from ported_start.steps import other, signed_in

middleware = [other, signed_in]


def GET():
    return "module"
