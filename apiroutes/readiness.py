"""The readiness of this process for new requests, and its replacement when it is no longer ready.

In: a server's conditions, and the reason for a replacement. Out: a bool; a log line. A load balancer asks
through `readiness_path`, and needs a moment (`shutdown_delay`) between the response and the end of the
listening socket.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable

__all__ = ["is_ready", "is_replaced", "replace_by", "request_replacement", "unready_when"]

_log = logging.getLogger("apiroutes")


class _State:
    """The server's callables, and whether this process has asked for its replacement."""

    def __init__(self) -> None:
        self.conditions: list[Callable[[], bool]] = []
        self.replace: Callable[[], object] | None = None
        self.requests: dict[
            int, object
        ] = {}  # by process id: a fork of a process that has asked has not asked itself
        self.cannot_replace = False


_state = _State()


def unready_when(condition: Callable[[], bool]) -> None:
    """Add a server's condition: this process is not ready while `condition()` is true."""
    _state.conditions.append(condition)


def replace_by(ask: Callable[[], object]) -> None:
    """Set how a server replaces workers: `ask()`, called in a worker, requests its replacement.

    The server starts a successor, and stops the worker when the successor serves. `ask` is called at
    most once in a process, from any thread, and must not wait. It raises OSError if the server cannot
    replace the worker.
    """
    _state.replace = ask


def request_replacement(reason: str) -> None:
    """Ask the server to replace this process; only once, however often this is called.

    `reason` begins the log line. The process serves until its successor does. If the server cannot replace
    it, `is_ready` is False from now on.
    """
    request = object()
    if _state.requests.setdefault(os.getpid(), request) is not request:  # setdefault is atomic
        return
    _state.cannot_replace = not _ask()
    if _state.cannot_replace:
        # Record: Too many handlers continue past their `maxDuration`, the event loop is blocked, or
        # `register` has ended too early, and the server cannot start a successor.
        _log.critical(
            "%s; this server cannot replace a worker: restart it (it reports that it is not ready)", reason
        )
    else:
        # Record: The same causes, but the server starts a successor and stops this worker.
        _log.critical("%s; this worker is being replaced", reason)


def _ask() -> bool:
    """Return whether the server could be asked."""
    if _state.replace is None:
        return False
    try:
        _state.replace()
    except OSError:
        return False
    return True


def is_replaced() -> bool:
    """Return whether this process has asked to be replaced."""
    return os.getpid() in _state.requests


def is_ready() -> bool:
    """Return whether neither the server nor this worker was told to stop, and the worker is healthy."""
    if any(condition() for condition in _state.conditions):
        return False
    if _state.cannot_replace and is_replaced():
        return False
    # gunicorn's worker handles SIGTERM in a method of its own, which notes it in an attribute.
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(worker, "alive", True) is not False
