"""Before a server replaces its workers: would the new code start?

In: the project in the current directory. Out: what keeps it from starting, as text. Servers end
when their new workers do not start, so that a typing mistake and a HUP would stop a service.
"""

from __future__ import annotations

import subprocess
import sys

__all__ = ["NOT_RELOADED", "mistakes_of_new_code"]

NOT_RELOADED = "Not reloaded, the old code goes on serving. %s"

_SECONDS = 60
# The answer comes by standard output, because a server that waits for any child of its own may
# take the exit status first.
_SOUND = "sound"
_CHECK = f"""
import os
from apiroutes import ProjectError, create_app
try:
    create_app()
except ProjectError as error:
    print(error, flush=True)
else:
    print({_SOUND!r}, flush=True)
os._exit(0)
"""


def mistakes_of_new_code() -> str | None:
    """What keeps the project from starting in a fresh interpreter; None when nothing does."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _CHECK], capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"The project did not start within {_SECONDS} seconds."
    said = done.stdout.strip()
    return None if said.rpartition("\n")[2] == _SOUND else said or done.stderr.strip()
