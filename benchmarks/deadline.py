"""The end of a run that must not take longer."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic


class OutOfTimeError(Exception):
    """The time limit of the whole run has passed."""


@dataclass(frozen=True)
class Deadline:
    """The end of the whole run, on the monotonic clock."""

    end: float

    def left(self) -> float:
        """Return the seconds left. Raises OutOfTimeError if there are none."""
        left = self.end - monotonic()
        if left <= 0:
            raise OutOfTimeError
        return left
