from ported_flask.people import people

from apiroutes import use


@use(people)
def GET(req):
    return req.context["user"]
