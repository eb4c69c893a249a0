"""What a process does after its main thread has ended, and before it ends itself.

In: functions. Out: their calls, one after the other, in a thread for which the end of the process waits.
`atexit` is no place for them: granian's workers run none. By then executors take no more work, and Python
3.12 starts no more threads, so that a function can only use threads that are there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from apiroutes.threads import native_threads

__all__ = ["call_at_end", "call_no_more"]

_log = logging.getLogger("apiroutes")


class _End:
    """The functions to call, in two groups: those of loops come last."""

    def __init__(self) -> None:
        self.functions: tuple[list[Callable[[], object]], list[Callable[[], object]]] = ([], [])
        self.has_thread = False


_end = _End()


def call_at_end(function: Callable[[], object], *, last: bool = False) -> None:
    """Call a function at the end of this process: before those that come `last`, or as one of them.

    The current greenlet may let others run meanwhile. Raises RuntimeError if no thread can start.
    """
    _end.functions[last].append(function)
    if not _end.has_thread:
        _end.has_thread = True  # before a greenlet may let others run
        try:
            _end.has_thread = native_threads.start_last_thread(_call_all, "apiroutes-end")
        except BaseException:
            _end.has_thread = False
            raise


def call_no_more(function: Callable[[], object]) -> None:
    """Forget a function that was to be called before the last ones."""
    if function in _end.functions[0]:
        _end.functions[0].remove(function)


def _call_all() -> None:
    native_threads.join_main_thread()
    for functions in _end.functions:
        while functions:
            try:
                functions.pop(0)()
            except BaseException as error:
                # Record: A function that runs at the end of the process has raised an exception.
                _log.error("the end of the process is not complete", exc_info=error)


def _forget() -> None:
    """Forget the functions of the parent: a fork takes no threads along."""
    global _end
    _end = _End()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
