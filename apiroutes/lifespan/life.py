"""One run of `register`, from its start to its end, whatever runs it.

In: what its runner reports. Out: the moments at which it has started and ended, and its errors.
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
        """Let it go on behind its `yield`, and wait at most so long where it can run in this thread alone."""

    def give_up(self) -> None:
        """End it, where that is possible: it takes too long."""

    def is_here(self) -> bool:
        """Return whether it runs on the event loop of this thread."""

    def frames(self) -> list[FrameType]:
        """Return where it stands, the outermost frame first."""


class Life:
    """`apply` is called with what `register` has made, before the life counts as started.

    `tell` is called with each error, before those who wait hear of it. `seconds` is the time for the start.
    """

    def __init__(
        self,
        apply: Callable[[Mapping[str, Any]], object],
        tell: Callable[[Life, BaseException], object],
        seconds: float,
    ) -> None:
        self.started = Moment()  # or it has failed to
        self.ended = Moment()  # nothing of `register` runs any more
        self.stopped = Moment()  # by who stops it
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
        """Note what `register` has made; return whether it is to wait for its end, or go on to it now."""
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
        """Note that the start has failed; return False if it is known already how it has ended."""
        if not self._settle():
            return False
        self._fail(error)
        return True

    def _fail(self, error: BaseException) -> None:
        self.start_error = error
        self._tell(self, error)
        self.started.come()

    def has_ended(self, error: BaseException | None = None) -> None:
        """Note that nothing of `register` runs any more; an error is the start's, if that has not ended."""
        if error is not None and not self.has_failed(error):
            self.end_error = error
            self._tell(self, error)
        self.ended.come()

    def _settle(self) -> bool:
        """Return whether this is the first to say how the start has ended."""
        with self._lock:
            is_first, self._is_settled = not self._is_settled, True
        return is_first


def _mapping(made: object) -> Mapping[str, Any]:
    if made is None:
        return {}
    if not isinstance(made, Mapping):
        raise MisuseError(
            f"`register` has made {shown(made)}, and no mapping",
            'Yield or return a dict such as {"pool": pool}, which handlers find in `req.app`, or nothing.',
        )
    return made
