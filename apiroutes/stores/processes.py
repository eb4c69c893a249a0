"""Processes of this machine as owners of things that end with them.

In: nothing, or the name of an owner. Out: the name of this process, and whether the process with a name
lives. A number alone does not name a process, because a later one may get it: the name includes when it
started.
"""

from __future__ import annotations

import contextlib
import os
from functools import cache
from pathlib import Path

__all__ = ["is_alive", "this_process"]

_PROCESSES = Path("/proc")


def this_process() -> str:
    """Return the name of this process: its number, its start, and the namespace that has the number."""
    return _name_of(os.getpid())


def is_alive(owner: str) -> bool | None:
    """Return whether the process with a name lives; None if that is unknown.

    It is unknown for a process of another container, and without Linux's `/proc`, where another process may
    have got the number of one that has ended.
    """
    if owner == this_process():
        return True
    number, start, namespace = owner.split(":")
    if namespace != _namespace():
        return None
    if start:
        return _start_of(int(number)) == start
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to somebody else
        pass
    return None


@cache
def _name_of(pid: int) -> str:
    return f"{pid}:{_start_of(pid) or ''}:{_namespace()}"


def _start_of(pid: int) -> str | None:
    """Return when a process started, as the kernel counts; None if it has ended, or without `/proc`."""
    try:
        text = (_PROCESSES / str(pid) / "stat").read_text("ascii", "replace")
    except OSError:
        return None
    # proc_pid_stat(5): the name, in parentheses, may contain anything; the third field is the state, the
    # twenty-second the start. A process that has ended and was not waited for has the state Z, or X.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def _namespace() -> str:
    with contextlib.suppress(OSError):
        return str(os.stat("/proc/self/ns/pid").st_ino)
    return ""
