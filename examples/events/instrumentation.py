"""What happens once in each worker: it watches the messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from feed import Feed


async def register() -> AsyncIterator[dict[str, Feed]]:
    feed = Feed()
    watching = asyncio.create_task(feed.watch())
    yield {"feed": feed}
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
