import asyncio
from collections.abc import AsyncIterator

from apiroutes import ApiError, Event, EventStream, Request, event_stream
from feed import Feed, Message, newest_id

SHOWN = 20  # of the messages that were there before a client came


async def GET(req: Request) -> EventStream[Message]:
    return event_stream(events(req.app["feed"], await last_of(req)))


async def last_of(req: Request) -> int:
    """Return the id of the last message that the client has."""
    last = req.headers.get("Last-Event-ID")
    if last is None:
        return await asyncio.to_thread(newest_id) - SHOWN
    if not (last.isascii() and last.isdecimal() and len(last) < 19):
        raise ApiError(400, "Last-Event-ID is no id of a message")
    return int(last)


async def events(feed: Feed, last: int) -> AsyncIterator[Event | None]:
    yield None  # the head of a response goes out with its first piece, and the client waits for it
    async for message in feed.messages_after(last):
        yield None if message is None else Event(message, id=str(message.id))
