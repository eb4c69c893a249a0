"""Processes of a server: their core, their CPU time and memory, from /proc where there is one, their end."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from shutil import which


def _cores() -> tuple[int | None, int | None]:
    """Return a core for the server and one for its client; None where they cannot be told apart."""
    cores = sorted(os.sched_getaffinity(0)) if which("taskset") else []
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


SERVER_CORE, CLIENT_CORE = _cores()


def on_core(core: int | None, command: list[str]) -> list[str]:
    """Return a command whose processes run on that core alone; on any if it is None."""
    return command if core is None else ["taskset", "--cpu-list", str(core), *command]


def stop(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to the main process, which stops its workers; after five seconds, SIGKILL to all."""
    pids = tree(process.pid)
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def cpu_seconds(pid: int) -> float | None:
    """Return user and system time of a process and its descendants, or None without /proc."""
    try:
        return sum(map(_cpu_ticks, tree(pid))) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def _cpu_ticks(pid: int) -> int:
    # proc(5): utime and stime are fields 14 and 15; field 2, the name in parentheses, may hold blanks
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def megabytes(pid: int) -> float | None:
    """Return the memory of a process and its descendants, with shared pages counted once."""
    try:
        return sum(map(_proportional_kilobytes, tree(pid))) / 1000
    except OSError:
        return None


def _proportional_kilobytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def tree(pid: int) -> list[int]:
    """Return the process ids of a process and its descendants; the first alone without /proc."""
    pids = [pid]
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in listing.read_text(encoding="utf-8").split():
                pids += tree(int(child))
    return pids
