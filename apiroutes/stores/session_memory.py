"""Sessions in the memory of one process, which knows nothing of what other processes do.

In: a limit. Out: a SessionStore that never raises StoreError. After a fork the child has an empty one.
"""

from __future__ import annotations

import heapq
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping

from apiroutes.stores.clock import now
from apiroutes.stores.session_store import Lifetime, StoredSession
from apiroutes.stores.session_times import Times, checked_size
from apiroutes.structs import Struct
from apiroutes.threads import native_threads

__all__ = ["MemorySessionStore"]

_log = logging.getLogger("apiroutes")

# Bytes that a session takes besides its values, and that a value takes besides its name and content.
_SIZE_OF_SESSION, _SIZE_OF_VALUE = 1200, 100
# How many sessions that have ended are forgotten when one begins: more than one, so that they do not add up.
_MOST_FORGOTTEN = 10


class MemorySessionStore:
    """Keeps sessions in this process, for all of its threads.

    `max_size` is in bytes, approximately. When it is full, sessions that have ended go first, and then the
    least recently used one; the first time, the logger `apiroutes` has a record of it. `clock` counts
    seconds, and nobody sets it.
    """

    def __init__(self, *, max_size: int = 64 * 1024 * 1024, clock: Callable[[], float] = now) -> None:
        self._max_size = max_size
        self._clock = clock
        self._contents = _Contents()
        self._was_full = False

    def load(self, key: bytes, lifetime: Lifetime) -> StoredSession | None:
        contents = self._current()
        with contents.lock:
            session = contents.use(key, lifetime, self._clock())
        # Nobody changes its values: a write makes another mapping.
        return None if session is None else StoredSession(session.values, session.begun, session.owner)

    def begin(
        self, key: bytes, values: Mapping[str, bytes], lifetime: Lifetime, owner: str | None = None
    ) -> float:
        size = _size_of(values)
        contents, begun = self._current(), time.time()
        with contents.lock:
            moment = self._clock()
            contents.forget_ended(moment)
            times = Times.at_beginning(moment, lifetime)
            contents.add(key, _Session(dict(values), size, begun, times, owner))
            is_lossy = contents.make_room(self._max_size, moment)
        self._tell(is_lossy)
        return begun

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> bool:
        contents, removed = self._current(), frozenset(removed)
        with contents.lock:
            moment = self._clock()
            session = contents.use(key, lifetime, moment)
            if session is None:
                return False
            values = {name: value for name, value in session.values.items() if name not in removed}
            values.update(changed)
            size = _size_of(values)
            contents.size += size - session.size
            session.values, session.size = values, size
            is_lossy = contents.make_room(self._max_size, moment)
        self._tell(is_lossy)
        return True

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> bool:
        contents, begun = self._current(), time.time()
        with contents.lock:
            moment = self._clock()
            session = contents.use(key, lifetime, moment)
            if session is None:
                return False
            contents.drop(key)
            contents.forget_ended(moment)
            session.begun, session.times = begun, Times.at_beginning(moment, lifetime)
            session.owner = session.owner if owner is None else owner
            contents.add(new_key, session)
        return True

    def end(self, key: bytes) -> None:
        contents = self._current()
        with contents.lock:
            contents.drop(key)

    def end_all(self, owner: str) -> int:
        contents = self._current()
        with contents.lock:
            moment = self._clock()
            dropped = [contents.drop(key) for key in [*contents.owned.get(owner, ())]]
        return sum(session is not None and moment < session.times.end for session in dropped)

    def close(self) -> None:
        self._contents = _Contents()

    def _current(self) -> _Contents:
        contents = self._contents
        if contents.process != os.getpid():  # another thread of the parent may have had the lock
            contents = self._contents = _Contents()
        return contents

    def _tell(self, is_lossy: bool) -> None:
        if is_lossy and not self._was_full:
            self._was_full = True
            # Record: `sessions(store="memory")` has no room left.
            _log.warning(
                "The memory for sessions is full, with %s bytes: from now on the least recently used ones "
                'are dropped. Keep sessions in a store with more room: "sqlite", or a Redis.',
                f"{self._max_size:,}",
            )


class _Session(Struct):
    values: Mapping[str, bytes]
    size: int
    begun: float  # by the wall clock
    times: Times
    owner: str | None


class _Contents:
    """What one process keeps. All of it is read and changed under the lock, which is held for microseconds.

    The lock is a native one: under gevent too a store may be used by several native threads, and nothing
    under the lock lets another greenlet run.
    """

    def __init__(self) -> None:
        self.process = os.getpid()
        self.lock = native_threads.native_lock()
        self.sessions: OrderedDict[bytes, _Session] = OrderedDict()  # the least recently used one first
        self.owned: dict[str, set[bytes]] = {}
        self.size = 0
        # A heap of ends as they were once known, at least one for each session, which may have been used
        # since.
        self._ends: list[tuple[float, bytes]] = []

    def use(self, key: bytes, lifetime: Lifetime, moment: float) -> _Session | None:
        """Return a session that has not ended, and is now the most recently used one."""
        session = self.sessions.get(key)
        if session is None:
            return None
        if session.times.have_ended(moment, lifetime):
            self.drop(key)
            return None
        if lifetime.idle is not None or session.times.need_note(moment, lifetime):
            session.times = session.times.when_used(moment, lifetime)
        self.sessions.move_to_end(key)
        return session

    def add(self, key: bytes, session: _Session) -> None:
        self.drop(key)
        self.sessions[key] = session
        self.size += session.size
        if session.owner is not None:
            self.owned.setdefault(session.owner, set()).add(key)
        heapq.heappush(self._ends, (session.times.end, key))
        if len(self._ends) > 2 * len(self.sessions) + 100:  # of sessions that were ended before
            self._ends = [(kept.times.end, key) for key, kept in self.sessions.items()]
            heapq.heapify(self._ends)

    def drop(self, key: bytes) -> _Session | None:
        session = self.sessions.pop(key, None)
        if session is not None:
            self.size -= session.size
            if session.owner is not None:
                keys = self.owned[session.owner]
                keys.discard(key)
                if not keys:
                    del self.owned[session.owner]
        return session

    def forget_ended(self, moment: float) -> None:
        """Forget some sessions that have ended."""
        for _ in range(_MOST_FORGOTTEN):
            if not self._forget_one_end(moment):
                return

    def make_room(self, max_size: int, moment: float) -> bool:
        """Make room for the most recently used session; return whether live ones had to go."""
        while self.size > max_size and self._forget_one_end(moment):
            pass
        is_lossy = False
        while self.size > max_size and len(self.sessions) > 1:
            self.drop(next(iter(self.sessions)))
            is_lossy = True
        return is_lossy

    def _forget_one_end(self, moment: float) -> bool:
        """Remove the earliest known end; False if it has not come yet."""
        if not self._ends or self._ends[0][0] > moment:
            return False
        _, key = heapq.heappop(self._ends)
        session = self.sessions.get(key)
        if session is None:
            return True
        if session.times.end > moment:
            heapq.heappush(self._ends, (session.times.end, key))
        else:
            self.drop(key)
        return True


def _size_of(values: Mapping[str, bytes]) -> int:
    return _SIZE_OF_SESSION + _SIZE_OF_VALUE * len(values) + checked_size(values)
