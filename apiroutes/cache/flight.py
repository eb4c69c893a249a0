"""One computation for all who ask for the same at once: the states of a key (RFC 5861, RFC 9111).

In: a store, a key, and what computes. Out: what the store has, or what was computed, and whether it is kept.
It raises what the computation raises. A store that fails is a miss: then everybody computes.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from apiroutes.stores import Entry, Lease, Store, StoreError
from apiroutes.structs import Struct
from apiroutes.threads import native_threads

__all__ = ["Computation", "Compute", "Flight", "Taken", "Turn"]

# What an entry begins with that contains only why the last computation was not kept.
_PASS = b"\0"
# Seconds for which nobody waits for a computation whose result is not kept.
_PASSING = 10.0
# Seconds that a lease lasts where a store cannot tell whether its owner lives.
_LEASE = 10.0
# Seconds before another try after a failure: they double from the least to the most.
_LEAST_BACKOFF, _MOST_BACKOFF = 1.0, 30.0
# Seconds that every thread may wait. Afterwards only half of them may, so that the others answer.
_ALL_WAIT = 0.5
# Seconds between two reads of the store.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05
# Seconds between the checks of callers that wait while another thread of this process reads the store.
_FOLLOWING = 0.25


class Computation(Struct, frozen=True):
    """What was computed: a `value`, and what is kept of it.

    `content` is kept under `key`; without it nothing is kept, for a `reason`, and for a while nobody waits
    for another computation, unless `lets_wait` is on. `fresh` and `stale` are in seconds. `has_failed`: the
    value is an error, after which an older value may be served.
    """

    value: Any
    key: bytes
    content: bytes | None = None
    names: tuple[str, ...] = ()
    fresh: float = 0.0
    stale: float = 0.0
    reason: str = ""
    has_failed: bool = False
    lets_wait: bool = False


# Called with the lease under which it computes, None if the store fails, and with why the last computation
# was not kept, "" if it was.
Compute = Callable[["Lease | None", str], Computation]


class Taken(Struct, frozen=True):
    """What a caller has got: an `entry` of the store, or its own computation.

    A stale entry comes with the `lease` to recompute it, if nobody else has it. `has_waited`: for another
    computation. `has_store_failed`: the store could not be asked, or has not kept it.
    """

    entry: Entry | None = None
    lease: Lease | None = None
    computation: Computation | None = None
    is_stored: bool = False
    has_waited: bool = False
    has_store_failed: bool = False


class Turn(Struct, frozen=True):
    """The turn of a caller that has found nothing: it has to compute, and `keep` or `fail` ends the turn.

    Without a `lease` the store has failed, and the result is not kept. `reason` is why the last computation
    was not kept. `is_refresh`: an older entry is served meanwhile.
    """

    lease: Lease | None
    reason: str = ""
    has_waited: bool = False
    is_refresh: bool = False


class _Passing(Struct, frozen=True):
    """The state of a key whose last computation was not kept."""

    reason: str


class Flight:
    """Computations of one process, which learns of other processes' computations from the store.

    `timeout` is how many seconds a caller waits at most for another computation; `threads` is how many
    threads answer requests.
    """

    def __init__(self, store: Store, timeout: float, threads: int) -> None:
        self._store = store
        self.timeout = timeout
        self._news: dict[bytes, threading.Event] = {}  # by key: set when a look at the store is worthwhile
        self.limit_waiting(threads)

    def limit_waiting(self, threads: int) -> None:
        """Let half of so many threads wait for long."""
        self._places = threading.BoundedSemaphore(threads // 2) if threads > 1 else None

    def take(
        self,
        find_key: Callable[[], bytes],
        names: Sequence[str],
        compute: Compute,
        *,
        accepts_stale: bool = True,
    ) -> Taken:
        """Return what the store has under a key, or compute it, or wait for another computation of it.

        `find_key` is called again after each wait, because the key may have changed. `names` end the wait for
        a computation that began before their revalidation. Raises what `compute` raises.
        """
        found = self.look(
            find_key, names, accepts_stale=accepts_stale, holds_thread=not native_threads.are_greenlets()
        )
        if isinstance(found, Taken):
            return found
        return self._compute(found, names, compute)

    def look(
        self,
        find_key: Callable[[], bytes],
        names: Sequence[str],
        *,
        accepts_stale: bool = True,
        holds_thread: bool = True,
        timeout: float | None = None,
    ) -> Taken | Turn:
        """Return what the store has under a key, or a turn to compute it; wait for another computation of it.

        The parameters are those of `take`, for callers that compute where nothing may wait. `holds_thread`:
        whether a wait here keeps a thread from answering other requests. `timeout` is in seconds.
        """
        wait = _Wait(self, holds_thread, self.timeout if timeout is None else timeout)
        try:
            return self._look(find_key, names, wait, accepts_stale)
        except StoreError:
            return Turn(None, has_waited=wait.has_begun)
        finally:
            wait.end()

    def refresh(self, lease: Lease, names: Sequence[str], compute: Compute) -> None:
        """Recompute a stale entry. Raises what `compute` raises; then it is tried again later.

        A result that may not be kept removes the old one.
        """
        self._compute(Turn(lease, is_refresh=True), names, compute)

    def give_up(self, lease: Lease) -> None:
        """Let another caller compute: this computation comes too late."""
        self._release(lease)

    # -- the state of a key ----------------------------------------------------------------

    def _look(
        self, find_key: Callable[[], bytes], names: Sequence[str], wait: _Wait, accepts_stale: bool
    ) -> Taken | Turn:
        """Wait for an entry of the store; return it, or a turn to compute. Raises StoreError."""
        while True:
            key, lease = find_key(), None
            state = self._state(key)
            if isinstance(state, _Passing):
                return Turn(self._store.begin(key), state.reason, wait.has_begun)
            if state is not None and not _is_stale(state):
                return Taken(entry=state, has_waited=wait.has_begun)
            if state is not None and accepts_stale:
                try:
                    lease = self._store.lease(key, names, _LEASE)
                    if lease is not None and not self._is_still_missing(lease, had=state):
                        continue
                except StoreError:  # somebody else recomputes it, or it is done later
                    lease = None
                return Taken(entry=state, lease=lease, has_waited=wait.has_begun)
            lease = self._store.lease(key, names, _LEASE, at_once=True)
            if lease is not None:
                if self._is_still_missing(lease, had=state):
                    return Turn(lease, has_waited=wait.has_begun)
            elif not wait.goes_on(key):
                return Turn(self._store.begin(key), has_waited=wait.has_begun)

    def _state(self, key: bytes) -> Entry | _Passing | None:
        entry = self._store.get(key)
        if entry is not None and entry.content[:1] == _PASS:
            return _Passing(entry.content[1:].decode("ascii", "replace"))
        return entry

    def _is_still_missing(self, lease: Lease, had: Entry | None) -> bool:
        """Return whether nothing was put before the lease was given; give it back otherwise."""
        try:
            state = self._state(lease.key)
        except StoreError:
            self._release(lease)
            raise
        if state is None or (had is not None and isinstance(state, Entry) and _is_stale(state)):
            if lease.token:  # which its release tells of
                self._news.setdefault(lease.key, threading.Event())
            return True
        self._release(lease)
        return False

    # -- a computation and its end ---------------------------------------------------------

    def _compute(self, turn: Turn, names: Sequence[str], compute: Compute) -> Taken:
        try:
            computation = compute(turn.lease, turn.reason)
        except BaseException as error:
            self.fail(turn, names, error)
            raise
        return self.keep(turn, names, computation)

    def fail(self, turn: Turn, names: Sequence[str], error: BaseException) -> None:
        """End a turn whose computation has raised an error."""
        lease = turn.lease
        if lease is None:
            return
        if turn.is_refresh:
            self._release(lease, _backoff(lease))
            return
        # What ends a request or a thread says nothing about the computation; and without the one lease,
        # another computation may have been kept since.
        if lease.token and isinstance(error, Exception):
            self._pass(lease, lease.key, names, "error")
        self._release(lease)

    def keep(self, turn: Turn, names: Sequence[str], computation: Computation) -> Taken:
        """End a turn with what was computed, and keep it if possible."""
        lease = turn.lease
        is_stored, has_failed = False, lease is None
        if lease is not None:
            if turn.is_refresh and computation.has_failed:
                self._release(lease, _backoff(lease))
                return Taken(computation=computation)
            if computation.content is None and not computation.lets_wait:
                self._pass(lease, computation.key, names, computation.reason)
            elif computation.content is not None:
                entry = Entry(computation.content, computation.names, computation.fresh, computation.stale)
                try:
                    is_stored = self._store.put(computation.key, entry, lease)
                except StoreError:
                    has_failed = True
            self._release(lease)
        return Taken(
            computation=computation,
            is_stored=is_stored,
            has_waited=turn.has_waited,
            has_store_failed=has_failed,
        )

    def _pass(self, lease: Lease, key: bytes, names: Sequence[str], reason: str) -> None:
        """Let nobody wait for a while, and remove what is under the key."""
        try:
            self._store.put(key, Entry(_PASS + reason.encode(), tuple(names), _PASSING), lease)
        except StoreError:
            return

    def _release(self, lease: Lease, retry_after: float | None = None) -> None:
        if not lease.token:
            return
        with contextlib.suppress(StoreError):  # then it expires
            self._store.release(lease, retry_after)
        self._tell(lease.key)

    def _tell(self, key: bytes) -> None:
        news = self._news.pop(key, None)
        if news is not None:
            news.set()


class _Wait:
    """The wait of one request, which begins at the first call of `goes_on`."""

    def __init__(self, flight: Flight, holds_thread: bool, timeout: float) -> None:
        self._flight = flight
        self._holds_thread = holds_thread
        self._timeout = timeout
        self._began = 0.0
        self._pause = _FIRST_PAUSE
        self._place: threading.BoundedSemaphore | None = None
        self._looks_for: bytes | None = None  # for all callers of this process that wait for this key
        self.has_begun = False

    def goes_on(self, key: bytes) -> bool:
        """Wait until it is worthwhile to read the store; return False if it is time to compute."""
        now = time.monotonic()
        if not self.has_begun:
            self.has_begun, self._began = True, now
        left = self._began + self._timeout - now
        if left <= 0 or (now - self._began >= _ALL_WAIT and not self._take_place()):
            return False
        news = self._flight._news.get(key)
        if news is None:  # another process computes, and this request reads the store for the others here too
            news = self._flight._news.setdefault(key, threading.Event())
            self._looks_for = key
        if self._looks_for == key:
            news.wait(min(self._pause, left))
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        else:
            news.wait(min(_FOLLOWING, left))
        return True

    def end(self) -> None:
        """Let the others read the store, and give the place to another caller."""
        if self._looks_for is not None:
            self._flight._tell(self._looks_for)
        if self._place is not None:
            self._place.release()
            self._place = None

    def _take_place(self) -> bool:
        if not self._holds_thread:
            return True
        places = self._flight._places
        if self._place is None and places is not None and places.acquire(blocking=False):
            self._place = places
        return self._place is not None


def _is_stale(entry: Entry) -> bool:
    return entry.is_revalidated or entry.age >= entry.fresh


def _backoff(lease: Lease) -> float:
    return float(min(_LEAST_BACKOFF * 2**lease.failures, _MOST_BACKOFF))
