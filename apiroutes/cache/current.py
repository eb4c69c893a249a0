"""Which cache the current code uses, and what it collects for the answer that is being computed.

In: the request that the code belongs to, or the process's Apps. Out: a cache; the names of values that an
answer is made with, so that revalidating one of them revalidates the answer.
"""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import Any

from apiroutes.after_response import current_work
from apiroutes.cache.response_cache import Cache

__all__ = ["Collection", "collecting", "current_cache", "note_cache"]


class Collection:
    """The names of all cached values that a computation has used so far, and the cache that it is for.

    Without a `cache` it is that of the request; a computation in the background has no request.
    """

    def __init__(self, cache: Cache | None = None) -> None:
        self.names: dict[str, None] = {}  # in order, each once
        self.cache = cache


# Set while something is computed for the store; nothing stale may become part of it.
collecting: ContextVar[Collection] = ContextVar("apiroutes.collecting")

# The caches of this process's Apps, the latest last.
_caches: list[weakref.ref[Cache]] = []


def note_cache(cache: Cache) -> None:
    """Note the cache of an App that was made."""
    _caches.append(weakref.ref(cache, _caches.remove))


def current_cache() -> Cache | None:
    """Return the cache of the App whose request, or computation, the current code belongs to.

    Otherwise it is the latest App's. None before there is an App.
    """
    work: Any = current_work.get(None)
    cache: Cache | None = None if work is None else work.cache
    if cache is None and (collection := collecting.get(None)) is not None:
        cache = collection.cache
    if cache is not None:
        return cache
    return next((cache for reference in reversed(_caches) if (cache := reference()) is not None), None)
