"""FastAPI, as its documentation writes it, under ASGI: the workloads in which http.py compares it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from benchmarks.workloads import TEXT


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/api/hello")
    async def hello() -> dict[str, str]:
        return {"message": "Hello"}

    @app.get("/api/users/{user_id}")
    async def user(user_id: str, sort: str, page: str) -> dict[str, str]:
        return {"id": user_id, "sort": sort, "page": page}

    @app.post("/api/echo")
    async def echo(body: dict[str, Any]) -> dict[str, Any]:
        return body

    @app.get("/api/text", response_class=PlainTextResponse)
    async def text() -> str:
        return TEXT

    return app
