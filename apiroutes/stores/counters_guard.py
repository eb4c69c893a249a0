"""Counts of uses that are left alone for a time when their store has failed several times in a row.

In: a store that may be slow, gone or broken. Out: the same store, whose failures cost little. Raises
StoreError for everything that goes wrong in it, and at once while it is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from apiroutes.stores.breaker import Breaker
from apiroutes.stores.counters import Counters, Use, Window

__all__ = ["GuardedCounters"]


class GuardedCounters:
    """Counts of uses with a circuit breaker around them, as `Breaker` describes it.

    `place` is where they are, without a password, and `meanwhile` what happens to requests while they fail.
    """

    def __init__(
        self,
        counters: Counters,
        place: str,
        meanwhile: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._counters = counters
        self._call = Breaker("The store of rate limits", place, meanwhile, clock=clock).call
        self.is_local = counters.is_local

    def take(self, uses: Sequence[Use]) -> tuple[bool, list[Window]]:
        return self._call(lambda: self._counters.take(uses))

    def give_back(self, uses: Sequence[Use], windows: Sequence[Window]) -> None:
        self._call(lambda: self._counters.give_back(uses, windows))

    def close(self) -> None:
        self._counters.close()
