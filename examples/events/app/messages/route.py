import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from apiroutes import json
from feed import Message, store


@dataclass
class NewMessage:
    text: Annotated[str, Meta(min_length=1, max_length=500)]


async def POST(body: NewMessage) -> Any:
    message: Message = await asyncio.to_thread(store, body.text)
    return json(message, status=201)
