"""Whether this process is to get new requests: no longer, once its server was told to stop.

In: nothing. Out: a bool. Raises nothing. A load balancer asks by `readiness_path`, and needs a
moment (`shutdown_delay`) between the answer and the end of the listening socket.
"""

from __future__ import annotations

import mmap
import signal

__all__ = ["announce_stop", "is_ready"]

# Memory that the main process and the workers it forks have together.
_stopping = mmap.mmap(-1, 1)


def announce_stop() -> None:
    """Let this process and those that it forked say that they are not ready."""
    _stopping[0] = 1


def is_ready() -> bool:
    """Whether nobody has told the server, or this worker of it, to stop."""
    # gunicorn's worker has a method of its own handle SIGTERM, which notes it in an attribute.
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return not _stopping[0] and getattr(worker, "alive", True) is not False
