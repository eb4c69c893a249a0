"""Whether this process is to get new requests, and how it is replaced when it no longer should.

In: a server's word, and the reasons of those who ask for a replacement. Out: a bool; a line of the
log. Raises nothing. A load balancer asks by `readiness_path`, and needs a moment (`shutdown_delay`)
between the answer and the end of the listening socket.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable

__all__ = ["is_ready", "is_replaced", "replace_by", "request_replacement", "unready_when"]

_log = logging.getLogger("apiroutes")


class _State:
    """What a server has said, and whether this process has asked to be replaced."""

    def __init__(self) -> None:
        self.conditions: list[Callable[[], bool]] = []
        self.replace: Callable[[], object] | None = None
        self.asked: dict[int, object] = {}  # by process: a fork of one that asked has not asked
        self.nobody_replaces = False


_state = _State()


def unready_when(condition: Callable[[], bool]) -> None:
    """Have a server's say: this process is not ready when `condition()` holds."""
    _state.conditions.append(condition)


def replace_by(ask: Callable[[], object]) -> None:
    """Have a server replace workers: `ask()`, called in a worker, asks for its replacement.

    The server starts a successor, and tells the worker to stop when that serves. `ask` is called at
    most once in a process, from any thread, and must not wait. An OSError of it says that nobody is
    there to replace the worker.
    """
    _state.replace = ask


def request_replacement(reason: str) -> None:
    """Ask the server to replace this process; once, however often it is called.

    `reason` begins the line of the log. The process goes on serving until its successor does. Where
    the server has no way to replace it, `is_ready` is False from now on.
    """
    me = object()
    if _state.asked.setdefault(os.getpid(), me) is not me:  # which no other thread comes between
        return
    _state.nobody_replaces = not _ask()
    if _state.nobody_replaces:
        _log.critical("%s; this server replaces no worker: restart it (it says that it is not ready)", reason)
    else:
        _log.critical("%s; this worker is replaced", reason)


def _ask() -> bool:
    """Whether the server has been asked."""
    if _state.replace is None:
        return False
    try:
        _state.replace()
    except OSError:
        return False
    return True


def is_replaced() -> bool:
    """Whether this process has asked to be replaced."""
    return os.getpid() in _state.asked


def is_ready() -> bool:
    """Whether nobody has told the server, or this worker of it, to stop, and the worker is sound."""
    if any(condition() for condition in _state.conditions):
        return False
    if _state.nobody_replaces and is_replaced():
        return False
    # gunicorn's worker has a method of its own handle SIGTERM, which notes it in an attribute.
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(worker, "alive", True) is not False
