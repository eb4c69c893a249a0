"""Falcon, as its documentation writes it and as pip installs it (its own JSON handler, its own errors)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence

import falcon

from benchmarks.workloads import TEXT, NumberedRoute, WSGIApplication


class Hello:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"message": "Hello"}


class User:
    def on_get(self, req: falcon.Request, resp: falcon.Response, user_id: str) -> None:
        resp.media = {"id": user_id, "sort": req.get_param("sort"), "page": req.get_param("page")}


class Echo:
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = req.get_media()


class Upload:
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        for part in req.get_media():
            if part.name == "file":
                resp.media = {"filename": part.filename, "size": len(part.get_data())}


class Session:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        cookies = req.cookies
        resp.status = falcon.HTTP_201
        resp.set_header("X-Request-Id", "c9f0f895fb98")
        resp.set_header("Cache-Control", "no-store")
        resp.set_cookie("visits", str(int(cookies["visits"]) + 1), path="/", secure=False, http_only=True)
        resp.media = {"session": cookies["session"], "theme": cookies["theme"]}


class Import:
    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"items": len(req.get_media())}


class Text:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = TEXT


class Wait:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        time.sleep(self.seconds)
        resp.media = {"message": "Hello"}


class Events:
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = "text/event-stream"
        resp.stream = self.numbers()

    def numbers(self) -> Iterator[bytes]:
        for number in range(20):
            yield f"data: {json.dumps({'number': number})}\n\n".encode()


class NumberedStatic:
    def __init__(self, number: int) -> None:
        self.number = number

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = {"route": self.number}


class NumberedDynamic:
    def __init__(self, number: int) -> None:
        self.number = number

    def on_get(self, req: falcon.Request, resp: falcon.Response, value: str) -> None:
        resp.media = {"route": self.number, "id": value}


def application() -> WSGIApplication:
    app = falcon.App()
    app.add_route("/api/hello", Hello())
    app.add_route("/api/users/{user_id}", User())
    app.add_route("/api/echo", Echo())
    app.add_route("/api/form", Echo())  # get_media() reads forms as it reads JSON
    app.add_route("/api/upload", Upload())
    app.add_route("/api/session", Session())
    app.add_route("/api/import", Import())
    app.add_route("/api/text", Text())
    app.add_route("/api/wait5", Wait(0.005))
    app.add_route("/api/wait50", Wait(0.05))
    app.add_route("/api/events", Events())
    return app


def numbered_application(routes: Sequence[NumberedRoute]) -> WSGIApplication:
    app = falcon.App()
    for route in routes:
        if route.dynamic:
            app.add_route(f"{route.path}/{{value}}", NumberedDynamic(route.number))
        else:
            app.add_route(route.path, NumberedStatic(route.number))
    return app
