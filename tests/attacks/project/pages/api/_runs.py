"""The numbers of the runs of cached handlers."""

import time


def number():
    """Return a number that no other run has, in any process: the cases run in forks of one, side by side."""
    return time.monotonic_ns()
