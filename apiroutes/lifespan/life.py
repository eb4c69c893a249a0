"""One run of `register`, from its start to its end, whatever runs it.

In: the reports of its runner. Out: the moments at which it has started and ended, and its errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Protocol

from apiroutes.errors import shown
from apiroutes.lifespan.failures import MisuseError
from apiroutes.lifespan.moments import Moment
from apiroutes.threads import native_threads

__all__ = ["Life", "Runner"]


class Runner(Protocol):
    """Runs `register` for a life, in a thread or on an event loop."""

    def begin(self) -> None:
        """Begin to run it, and do not wait. Raises RuntimeError if it cannot."""

    def resume(self, seconds: float) -> None:
        """Resume it after its `yield`, and wait at most so long if it can run only in this thread."""

    def give_up(self) -> None:
        """End it, if that is possible, because it takes too long."""

    def is_here(self) -> bool:
        """Return whether it runs on the event loop of this thread."""

    def frames(self) -> list[FrameType]:
        """Return its current frames, the outermost first."""


class Life:
    """`apply` is called with the values that `register` has made, before the life counts as started.

    `tell` is called with each error, before waiting callers get it. `seconds` is the time for the start.
    """

    def __init__(
        self,
        apply: Callable[[Mapping[str, Any]], object],
        tell: Callable[[Life, BaseException], object],
        seconds: float,
    ) -> None:
        self.started = Moment()  # or the start has failed
        self.ended = Moment()  # no part of `register` runs any more
        self.stopped = Moment()  # set by the caller that stops it
        self.start_error: BaseException | None = None
        self.end_error: BaseException | None = None
        self.deadline = time.monotonic() + seconds  # of its start
        self.is_stopping = False
        self.runner: Runner | None = None
        self._apply = apply
        self._tell = tell
        self._lock = native_threads.native_lock()
        self._is_settled = False

    def has_made(self, made: object) -> bool:
        """Note what `register` has made; return whether to wait for the end, or to continue to it now."""
        if not self._settle():
            return False
        try:
            self._apply(_mapping(made))
        except BaseException as error:
            self._fail(error)
            return False
        self.started.come()
        return True

    def has_failed(self, error: BaseException) -> bool:
        """Note that the start has failed; return False if its outcome is known already."""
        if not self._settle():
            return False
        self._fail(error)
        return True

    def _fail(self, error: BaseException) -> None:
        self.start_error = error
        self._tell(self, error)
        self.started.come()

    def has_ended(self, error: BaseException | None = None) -> None:
        """Note that no part of `register` runs any more; an error during the start fails the start."""
        if error is not None and not self.has_failed(error):
            self.end_error = error
            self._tell(self, error)
        self.ended.come()

    def _settle(self) -> bool:
        """Return whether this is the first outcome of the start."""
        with self._lock:
            is_first, self._is_settled = not self._is_settled, True
        return is_first


def _mapping(made: object) -> Mapping[str, Any]:
    if made is None:
        return {}
    if not isinstance(made, Mapping):
        raise MisuseError(
            f"`register` has made {shown(made)}, which is not a mapping",
            'Yield or return a dict such as {"pool": pool}, which handlers find in `req.app`, or nothing.',
        )
    return made
