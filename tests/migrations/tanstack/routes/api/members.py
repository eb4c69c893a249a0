from ported_start.steps import signed_in

from apiroutes import file_route


def get():
    return "members"


Route = file_route("/api/members", middleware=[signed_in], handlers={"GET": get})
