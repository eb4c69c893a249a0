"""Which process listens on a port, if this user may know.

In: a port. Out: its command and process id, or None. It reads Linux's /proc, and finds nothing elsewhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["owner_of"]

_LISTEN = "0A"  # the state in /proc/net/tcp, as the kernel's enum of TCP states has it
_LONGEST = 60  # characters of a command
# The last part of a path distinguishes programs: this matches what comes before it.
_DIRECTORIES = re.compile(r"(?:(?<=[\s=])|^)(?!-|\w+://)[^\s=]*/(?=[^\s/])")


def owner_of(port: int, proc: Path = Path("/proc")) -> str | None:
    """Return the command and id of the process that listens on a TCP port here; None if unknown."""
    inodes = set(_listening_inodes(port, proc))
    if not inodes:
        return None
    # The smallest id is the main process of a server that has forked.
    processes = sorted(int(entry.name) for entry in _entries(proc) if entry.name.isdigit())
    for pid in processes:
        for descriptor in _entries(proc / str(pid) / "fd"):
            try:
                target = os.readlink(descriptor)
            except OSError:  # closed meanwhile
                continue
            if target in inodes:
                return f"`{_command_of(pid, proc)}` (pid {pid})"
    return None


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:  # another user's process, or one that has ended
        return []


def _listening_inodes(port: int, proc: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield f"socket:[{fields[9]}]"


def _command_of(pid: int, proc: Path) -> str:
    try:
        arguments = (proc / str(pid) / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return "a process"
    # A process may have written anything there, such as a title instead of its arguments.
    text = _DIRECTORIES.sub("", " ".join(argument.decode("utf-8", "replace") for argument in arguments))
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable if len(printable) <= _LONGEST else printable[:_LONGEST] + "…"
