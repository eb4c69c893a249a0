from lib.people import people

from apiroutes import use


@use(people)
def GET(req):
    return req.context["user"]
