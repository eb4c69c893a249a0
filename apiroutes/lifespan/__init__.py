"""The life of an App in a process: `register` is begun before the first request, and resumed at the end.

In: the function `register` of a project. Out: what it makes for handlers. Raises LifespanError when it does
not start or end. The part for coroutines is imported when `register`, or a server, needs it.
"""

from __future__ import annotations

from apiroutes.lifespan.lifespan import NOTHING_MADE, Lifespan
from apiroutes.lifespan.observers import observer_of
from apiroutes.lifespan.process import end_within, when_not_started

__all__ = ["NOTHING_MADE", "Lifespan", "end_within", "observer_of", "when_not_started"]
