"""Bottle, as its documentation writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bottle import BaseRequest, Bottle, request, response  # type: ignore[import-untyped]

from benchmarks.workloads import TEXT, NumberedRoute, WSGIApplication

BaseRequest.MEMFILE_MAX = 2 * 1024 * 1024  # its default of 100 KB gives W9 a 413


def hello() -> dict[str, Any]:
    return {"message": "Hello"}


def user(user_id: str) -> dict[str, Any]:
    return {"id": user_id, "sort": request.query.sort, "page": request.query.page}


def echo() -> Any:
    return request.json


def form() -> dict[str, Any]:
    return dict(request.forms.decode())


def upload() -> dict[str, Any]:
    file = request.files["file"]
    return {"filename": file.filename, "size": len(file.file.read())}


def session() -> dict[str, Any]:
    cookies = request.cookies
    response.status = 201
    response.set_header("X-Request-Id", "c9f0f895fb98")
    response.set_header("Cache-Control", "no-store")
    response.set_cookie("visits", str(int(cookies["visits"]) + 1), path="/", httponly=True)
    return {"session": cookies["session"], "theme": cookies["theme"]}


def import_items() -> dict[str, Any]:
    return {"items": len(request.json)}


def text() -> str:
    response.content_type = "text/plain; charset=utf-8"
    return TEXT


def application() -> WSGIApplication:
    app = Bottle()
    app.get("/api/hello", callback=hello)
    app.get("/api/users/<user_id>", callback=user)
    app.post("/api/echo", callback=echo)
    app.post("/api/form", callback=form)
    app.post("/api/upload", callback=upload)
    app.get("/api/session", callback=session)
    app.post("/api/import", callback=import_items)
    app.get("/api/text", callback=text)
    return app  # type: ignore[no-any-return]


def numbered_application(routes: Sequence[NumberedRoute]) -> WSGIApplication:
    app = Bottle()
    for route in routes:
        path = f"{route.path}/<value>" if route.dynamic else route.path
        app.get(path, callback=_numbered_view(route))
    return app  # type: ignore[no-any-return]


def _numbered_view(route: NumberedRoute) -> Callable[..., dict[str, Any]]:
    if route.dynamic:
        return lambda value: {"route": route.number, "id": value}
    return lambda: {"route": route.number}
