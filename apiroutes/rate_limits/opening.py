"""The stores of each App's limits: one store for all limits that count in the same place.

In: the project's directory and settings. Out: counts. Raises ProjectError for an unusable URL of a limit.
"""

from __future__ import annotations

import logging
import weakref
from pathlib import Path

from apiroutes.errors import Problem, ProjectError
from apiroutes.rate_limits.places import MadeAt
from apiroutes.settings import Settings, StoreURL
from apiroutes.stores import Counters, open_counters, why_counters_fail

__all__ = ["OpenedCounters", "counters_of", "forget_counts"]


_log = logging.getLogger("apiroutes")


class OpenedCounters:
    """The counts of one App with these settings: counts in memory are for this App only."""

    def __init__(self, counters: Counters, is_memory: bool, settings: Settings) -> None:
        self.counters = counters
        self.is_memory = is_memory
        self.places: dict[str, MadeAt] = {}  # of the limits that count here without a name
        self._settings = settings  # kept, so that no other object gets their id


_opened: weakref.WeakValueDictionary[tuple[int, Path, str | StoreURL], OpenedCounters] = (
    weakref.WeakValueDictionary()
)


def counters_of(root: Path, settings: Settings, store: str | StoreURL | None) -> OpenedCounters:
    """Return the counts of an App in a store; None for the store of its settings, as for an App in tests."""
    place = settings.rate_limit_store if store is None or settings.testing else store
    key = id(settings), root, place
    opened = _opened.get(key)
    if opened is None:
        try:
            counters = open_counters(place, root, settings.rate_limit_prefix, settings.rate_limit_fail)
        except (ImportError, ValueError) as error:
            if store is not None:
                raise ProjectError([Problem("rate_limit(store=...)", f"{error}.", "Correct it.")]) from None
            counters = open_counters("memory", root, "")  # the setting is a mistake that stops the start
        reason = why_counters_fail(place, root)
        if reason is not None:
            # Record: The file of the counts is not writable; `rate_limit_fail` decides whether requests are
            # admitted.
            _log.warning(
                "rate limits count nothing: %s. Make it writable, or set `rate_limit_store`.", reason
            )
        opened = _opened[key] = OpenedCounters(counters, place == "memory", settings)
    return opened


def forget_counts(root: Path) -> None:
    """Forget what Apps of the project in a directory have counted in memory."""
    for (_, of_root, place), opened in [*_opened.items()]:
        if (of_root, place) == (root, "memory"):
            opened.counters.close()
