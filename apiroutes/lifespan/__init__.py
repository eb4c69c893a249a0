"""The life of an App in a process: `register` begins before the first request, and resumes at the end.

In: the function `register` of a project. Out: the values that it makes for handlers. Raises LifespanError if
it does not start or end. The part for coroutines is imported when `register` or a server needs it.
"""

from __future__ import annotations

from apiroutes.lifespan.lifespan import NOTHING_MADE, Lifespan
from apiroutes.lifespan.observers import observer_of
from apiroutes.lifespan.process import end_within, when_not_started

__all__ = ["NOTHING_MADE", "Lifespan", "end_within", "observer_of", "when_not_started"]
