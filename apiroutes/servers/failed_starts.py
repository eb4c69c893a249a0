"""Workers whose application failed to start.

In: the failure. Out: the end of the worker, and the exit status of the worker and its server.
"""

from __future__ import annotations

import os
import threading

__all__ = ["NOT_STARTED", "exit_soon"]

# The exit status at which gunicorn stops, because the next worker would not start either.
NOT_STARTED = 3

# Seconds for a worker to end by itself.
_TO_END = 5.0


def exit_soon() -> None:
    """End this worker even if the start of the application blocks its event loop.

    A gevent hub in the thread of such a loop would crash the process with SIGSEGV at the end of Python.
    """
    timer = threading.Timer(_TO_END, os._exit, (NOT_STARTED,))
    timer.daemon = True
    timer.start()
