"""Deadlines (`maxDuration`) of handlers; this room never raises an exception in code that is running."""

from apiroutes.deadlines.in_thread import with_deadline
from apiroutes.deadlines.on_loop import with_deadline_on_loop

__all__ = ["with_deadline", "with_deadline_on_loop"]
