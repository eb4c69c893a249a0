"""Starlette, as its documentation writes it, for the loads of http.py."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


def hello(request: Request) -> Response:
    return JSONResponse({"message": "Hello"})


def wait5(request: Request) -> Response:
    time.sleep(0.005)
    return JSONResponse({"message": "Hello"})


def wait50(request: Request) -> Response:
    time.sleep(0.05)
    return JSONResponse({"message": "Hello"})


async def async_hello(request: Request) -> Response:
    return JSONResponse({"message": "Hello"})


async def async_wait5(request: Request) -> Response:
    await asyncio.sleep(0.005)
    return JSONResponse({"message": "Hello"})


async def async_wait50(request: Request) -> Response:
    await asyncio.sleep(0.05)
    return JSONResponse({"message": "Hello"})


async def async_echo(request: Request) -> Response:
    return JSONResponse(await request.json())


async def async_upload(request: Request) -> Response:
    async with request.form() as form:
        file = form["file"]
        return JSONResponse({"filename": file.filename, "size": len(await file.read())})


async def numbers() -> AsyncIterator[str]:
    for number in range(20):
        yield f"data: {json.dumps({'number': number})}\n\n"


async def async_events(request: Request) -> Response:
    return StreamingResponse(numbers(), media_type="text/event-stream")


def application() -> Starlette:
    return Starlette(
        routes=[
            Route("/api/hello", hello),
            Route("/api/wait5", wait5),
            Route("/api/wait50", wait50),
            Route("/api/async/hello", async_hello),
            Route("/api/async/wait5", async_wait5),
            Route("/api/async/wait50", async_wait50),
            Route("/api/async/echo", async_echo, methods=["POST"]),
            Route("/api/async/upload", async_upload, methods=["POST"]),
            Route("/api/async/events", async_events),
        ]
    )
