from ported_start.steps import signed_in

from apiroutes import file_route


def get(params):
    return params["id"]


def post(body):
    return body


Route = file_route(
    "/api/tasks/$id",
    handlers=lambda create_handlers: create_handlers(
        {
            "GET": get,
            "POST": {"middleware": [signed_in], "handler": post},
        }
    ),
)
