"""What a worker keeps of the store in its own memory, as long as the store's generation stays the same.

In: entries as they were read. Out: the same, without the store. No entry is older than a second, so that the
store learns what is used. The size is bounded in bytes: the least recently used entry goes first.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

from apiroutes.stores import Store

__all__ = ["Hot", "HotMemory"]

_Value = TypeVar("_Value")

# Seconds after which the store is asked again.
_LONGEST = 1.0


class Hot(Generic[_Value]):
    """A value, the store's generation before it was read, and until when it holds (monotonic seconds)."""

    __slots__ = ("generation", "size", "until", "value")

    def __init__(self, value: _Value, generation: object, until: float, size: int) -> None:
        self.value = value
        self.generation = generation
        self.until = until
        self.size = size


class HotMemory:
    """Values by key, of at most `max_size` bytes together, which `store` has too.

    The reader of a value compares the generation and the time itself, because a call would be a quarter of
    the cost.
    """

    def __init__(self, max_size: int, store: Store) -> None:
        self._store = store
        self.entries: OrderedDict[Hashable, Hot[Any]] = OrderedDict()
        self._max_size = max_size
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Any:
        """Return the value that holds; None without one."""
        hot = self.entries.get(key)
        if hot is not None and hot.generation == self._store.generation() and time.monotonic() < hot.until:
            return hot.value
        return None

    def get_at_once(self, key: Hashable) -> Any:
        """Return what `get` returns, for an event loop; None if another machine would have to be asked."""
        hot = self.entries.get(key)
        if (
            hot is not None
            and hot.generation == self._store.known_generation()
            and time.monotonic() < hot.until
        ):
            return hot.value
        return None

    def put(self, key: Hashable, value: Any, size: int, generation: object, fresh: float) -> None:
        """Keep a value that is fresh for so many seconds from now on.

        `generation` is the store's before the value was read, None if it is unknown.
        """
        if generation is None or size > self._max_size:
            return
        until = time.monotonic() + min(fresh, _LONGEST)
        with self._lock:
            self._drop(key)
            self.entries[key] = Hot(value, generation, until, size)
            self._size += size
            while self._size > self._max_size:
                self._size -= self.entries.popitem(last=False)[1].size

    def _drop(self, key: Hashable) -> None:
        known = self.entries.pop(key, None)
        if known is not None:
            self._size -= known.size
