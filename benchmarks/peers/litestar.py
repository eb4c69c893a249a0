"""Litestar, as its documentation writes it, for the loads of http.py."""

# No `from __future__ import annotations`: Litestar reads the annotations.

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from litestar import Litestar, get, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import ServerSentEvent
from litestar.status_codes import HTTP_200_OK


@get("/api/hello", sync_to_thread=False)
def hello() -> dict[str, str]:
    return {"message": "Hello"}


@get("/api/wait5", sync_to_thread=True)
def wait5() -> dict[str, str]:
    time.sleep(0.005)
    return {"message": "Hello"}


@get("/api/wait50", sync_to_thread=True)
def wait50() -> dict[str, str]:
    time.sleep(0.05)
    return {"message": "Hello"}


@get("/api/async/hello")
async def async_hello() -> dict[str, str]:
    return {"message": "Hello"}


@get("/api/async/wait5")
async def async_wait5() -> dict[str, str]:
    await asyncio.sleep(0.005)
    return {"message": "Hello"}


@get("/api/async/wait50")
async def async_wait50() -> dict[str, str]:
    await asyncio.sleep(0.05)
    return {"message": "Hello"}


@post("/api/async/echo", status_code=HTTP_200_OK)
async def async_echo(data: dict[str, Any]) -> dict[str, Any]:
    return data


@post("/api/async/upload", status_code=HTTP_200_OK)
async def async_upload(
    data: Annotated[UploadFile, Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, Any]:
    return {"filename": data.filename, "size": len(await data.read())}


async def numbers() -> AsyncGenerator[str, None]:
    for number in range(20):
        yield json.dumps({"number": number})


@get("/api/async/events")
async def async_events() -> ServerSentEvent:
    return ServerSentEvent(numbers())


def application() -> Litestar:
    return Litestar(
        route_handlers=[
            hello,
            wait5,
            wait50,
            async_hello,
            async_wait5,
            async_wait50,
            async_echo,
            async_upload,
            async_events,
        ]
    )
