"""The connections to the service, of one process."""

from collections.abc import AsyncIterator
from typing import Any

import httpx


async def register() -> AsyncIterator[dict[str, Any]]:
    """Open a pool before the first request, and close it after the last."""
    # A transport, not a client: a client keeps the cookies of responses, of one user for the others, follows
    # HTTP_PROXY, and decodes content. A proxy does none of that.
    async with httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=100)) as transport:
        yield {"transport": transport}
