"""FastAPI, as its documentation writes it, for the loads of http.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable
from typing import Any

from fastapi import FastAPI, UploadFile
from fastapi.sse import EventSourceResponse


def application() -> FastAPI:
    app = FastAPI()
    _add_sync_handlers(app)
    _add_async_handlers(app)
    return app


def _add_sync_handlers(app: FastAPI) -> None:
    @app.get("/api/hello")
    def hello() -> dict[str, str]:
        return {"message": "Hello"}

    @app.get("/api/wait5")
    def wait5() -> dict[str, str]:
        time.sleep(0.005)
        return {"message": "Hello"}

    @app.get("/api/wait50")
    def wait50() -> dict[str, str]:
        time.sleep(0.05)
        return {"message": "Hello"}


def _add_async_handlers(app: FastAPI) -> None:
    @app.get("/api/async/hello")
    async def hello() -> dict[str, str]:
        return {"message": "Hello"}

    @app.get("/api/async/wait5")
    async def wait5() -> dict[str, str]:
        await asyncio.sleep(0.005)
        return {"message": "Hello"}

    @app.get("/api/async/wait50")
    async def wait50() -> dict[str, str]:
        await asyncio.sleep(0.05)
        return {"message": "Hello"}

    @app.post("/api/async/echo")
    async def echo(body: dict[str, Any]) -> dict[str, Any]:
        return body

    @app.post("/api/async/upload")
    async def upload(file: UploadFile) -> dict[str, Any]:
        return {"filename": file.filename, "size": len(await file.read())}

    @app.get("/api/async/events", response_class=EventSourceResponse)
    async def events() -> AsyncIterable[dict[str, int]]:
        for number in range(20):
            yield {"number": number}
