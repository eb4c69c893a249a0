"""A line on the terminal while something takes long.

In: what is being done. Out: the line on standard error, from the second second on, and only on a terminal;
afterwards it is gone.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

from apiroutes.terminal import DIM, is_interactive, paint_for

__all__ = ["progress"]

_BEFORE = 1.0  # seconds
_ERASE = "\r\x1b[K"  # ECMA-48 section 8.3.41, EL


@contextlib.contextmanager
def progress(action: str) -> Iterator[None]:
    """Show the action, and for how many seconds it has been going on, until the block ends."""
    stream = sys.stderr
    if not is_interactive(stream):
        yield
        return
    is_over = threading.Event()
    began = time.monotonic()

    def show() -> None:
        wait = _BEFORE
        while not is_over.wait(wait):
            seconds = time.monotonic() - began
            stream.write(_ERASE + paint_for(stream)(f"{action} … {seconds:.0f} s", DIM))
            stream.flush()
            wait = 1.0
        if wait != _BEFORE or time.monotonic() - began > _BEFORE:
            stream.write(_ERASE)
            stream.flush()

    shower = threading.Thread(target=show, daemon=True)
    shower.start()
    try:
        yield
    finally:
        is_over.set()
        shower.join()
