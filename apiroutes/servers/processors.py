"""How many processors this process may use.

In: the processors that it may run on, and on Linux the limit of its control group, by which containers and
systemd's `CPUQuota=` divide a machine. Out: a count, at least 1.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

__all__ = ["usable_processors"]


def usable_processors(
    groups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int:
    """Return how many processors this process may use; a part of a processor counts as a whole one.

    Args:
        groups: Where the kernel shows control groups (version 2).
        membership: The file that names the control group of this process.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    processors = (os.cpu_count() or 1) if affinity is None else len(affinity(0))
    return max(1, min([processors, *_limits(groups, membership)]))


def _limits(groups: Path, membership: Path) -> list[int]:
    """Return the limits of the control group and its ancestors, rounded up; "max" means no limit."""
    limits = []
    for line in _read(membership).splitlines():
        hierarchy, _, path = line.partition("::")  # version 2 is 0, without controllers
        if hierarchy != "0":
            continue
        # A group outside the namespace is shown as "/../..": of its ancestors, only the root is visible.
        group = groups if ".." in path.split("/") else groups / path.lstrip("/")
        for each in (group, *group.parents):
            quota, _, period = _read(each / "cpu.max").strip().partition(" ")
            if quota.isdecimal() and period.isdecimal() and int(period):
                limits.append(math.ceil(int(quota) / int(period)))
            if each == groups:
                break
    return limits


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):  # not Linux, or hidden from this process
        return ""
