"""Processes of a server: their CPU time and memory, from /proc where there is one, and their end."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path


def stop(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to the main process, which stops its workers; after five seconds, SIGKILL to all."""
    pids = [process.pid, *children(process.pid)]
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def cpu_seconds(pid: int) -> float | None:
    """Return user and system time of a process and its children, or None without /proc."""
    try:
        return sum(_cpu_ticks(process) for process in (pid, *children(pid))) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def _cpu_ticks(pid: int) -> int:
    # proc(5): utime and stime are fields 14 and 15; field 2, the name in parentheses, may hold blanks
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def megabytes(pid: int) -> float | None:
    """Return the memory of a process and its children, with shared pages counted once."""
    try:
        return sum(_proportional_kilobytes(process) for process in (pid, *children(pid))) / 1000
    except OSError:
        return None


def _proportional_kilobytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def children(pid: int) -> list[int]:
    """Return the process ids of the children; none without /proc."""
    pids: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            pids += [int(child) for child in listing.read_text(encoding="utf-8").split()]
    return pids
