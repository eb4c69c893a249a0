"""The clock by which stored data ages: it counts while the machine sleeps, and nobody can set it.

Out: seconds since some moment of this boot, the same in all processes of the machine, and a text that names
the boot. Seconds that were stored with another boot's name mean nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["boot_of_clock", "is_boot", "now"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
# Seconds by which two computations of the moment of one boot may differ, from corrections of the clock.
_TOLERANCE = 120


def _readable_clock() -> Callable[[], float]:
    """Return Linux's CLOCK_BOOTTIME, or else CLOCK_MONOTONIC.

    CLOCK_MONOTONIC stops while a Linux machine sleeps, but not while a Mac does, unlike `time.monotonic`.
    """
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):
        clock = getattr(time, name, None)
        if clock is not None:
            try:
                time.clock_gettime(clock)
            except OSError:  # a kernel, or an imitation of one, without it
                continue
            return lambda: time.clock_gettime(clock)
    return time.monotonic


now = _readable_clock()


def boot_of_clock() -> str:
    """Return a name of the boot from which `now` counts.

    Without Linux's boot id it is the moment of the boot by the wall clock. If that was set since, the name
    differs, and what is stored is lost, which is better than serving it for too long.
    """
    try:
        return _BOOT_ID.read_text("ascii").strip()
    except OSError:
        return f"wall:{int(time.time() - now())}"


def is_boot(name: str) -> bool:
    """Return whether a name is that of the boot from which `now` counts."""
    current = boot_of_clock()
    if not (name.startswith("wall:") and current.startswith("wall:")):
        return name == current
    return abs(int(name[5:]) - int(current[5:])) < _TOLERANCE
