"""Workers whose application has not started.

In: that it has not. Out: the end of the worker, and the exit status of it and of its server.
"""

from __future__ import annotations

import os
import threading

__all__ = ["NOT_STARTED", "exit_soon"]

# The exit status: gunicorn's own, with which it stops, as the next worker would not start either.
NOT_STARTED = 3

# Seconds for a worker to end by itself.
_TO_END = 5.0


def exit_soon() -> None:
    """End this worker even if the start of the application blocks its event loop.

    gevent's hub in the thread of such a loop ends the process by SIGSEGV, when Python ends.
    """
    timer = threading.Timer(_TO_END, os._exit, (NOT_STARTED,))
    timer.daemon = True
    timer.start()
