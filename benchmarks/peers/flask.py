"""Flask, as its documentation writes it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flask import Flask, Response, jsonify, request

from benchmarks.workloads import TEXT, NumberedRoute, WSGIApplication


def hello() -> dict[str, Any]:
    return {"message": "Hello"}


def user(user_id: str) -> dict[str, Any]:
    return {"id": user_id, "sort": request.args["sort"], "page": request.args["page"]}


def echo() -> Any:
    return request.get_json()


def form() -> dict[str, Any]:
    return request.form.to_dict()


def upload() -> dict[str, Any]:
    file = request.files["file"]
    return {"filename": file.filename, "size": len(file.read())}


def session() -> tuple[Response, int]:
    cookies = request.cookies
    response = jsonify(session=cookies["session"], theme=cookies["theme"])
    response.headers["X-Request-Id"] = "c9f0f895fb98"
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie("visits", str(int(cookies["visits"]) + 1), httponly=True)
    return response, 201


def import_items() -> dict[str, Any]:
    return {"items": len(request.get_json())}


def text() -> Response:
    return Response(TEXT, mimetype="text/plain")


def wait5() -> dict[str, Any]:
    time.sleep(0.005)
    return {"message": "Hello"}


def wait50() -> dict[str, Any]:
    time.sleep(0.05)
    return {"message": "Hello"}


def events() -> Response:
    def numbers() -> Iterator[str]:
        for number in range(20):
            yield f"data: {json.dumps({'number': number})}\n\n"

    return Response(numbers(), mimetype="text/event-stream")


def application() -> WSGIApplication:
    app = Flask(__name__)
    app.get("/api/hello")(hello)
    app.get("/api/users/<user_id>")(user)
    app.post("/api/echo")(echo)
    app.post("/api/form")(form)
    app.post("/api/upload")(upload)
    app.get("/api/session")(session)
    app.post("/api/import")(import_items)
    app.get("/api/text")(text)
    app.get("/api/wait5")(wait5)
    app.get("/api/wait50")(wait50)
    app.get("/api/events")(events)
    return app


def numbered_application(routes: Sequence[NumberedRoute]) -> WSGIApplication:
    app = Flask(__name__)
    for route in routes:
        path = f"{route.path}/<value>" if route.dynamic else route.path
        app.add_url_rule(path, endpoint=str(route.number), view_func=_numbered_view(route))
    return app


def _numbered_view(route: NumberedRoute) -> Callable[..., dict[str, Any]]:
    if route.dynamic:
        return lambda value: {"route": route.number, "id": value}
    return lambda: {"route": route.number}
