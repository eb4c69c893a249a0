"""Would the project start? Asked before a server begins, and before it replaces its workers.

In: a project directory, the current one unless it is named. Out: what keeps it from starting, as
text. It is started in an interpreter of its own, so that the server's main process imports none of
it, and that a typing mistake and a HUP do not stop a service: servers end when their new workers do
not start.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["NOT_RELOADED", "SECONDS", "Check"]

NOT_RELOADED = "Not reloaded, the old code goes on serving. %s"

# That a reload may take to find out whether the new code starts.
SECONDS = 60

# The answer comes by standard output, because a server that waits for any child of its own may
# take the exit status first.
_OK = "sound"
_CHECK = f"""
import json, os, sys
sys.path[:], settings = json.loads(sys.argv.pop())
from apiroutes import ProjectError, create_app
try:
    create_app(**settings)
except ProjectError as error:
    print(error, flush=True)
else:
    print({_OK!r}, flush=True)
os._exit(0)
"""


class Check:
    """The project in `root` being started. It has to be waited for, or closed.

    `settings` are arguments for its App. `within` is how many seconds it may take, None for any number.
    """

    def __init__(
        self, root: Path = Path("."), settings: Mapping[str, Any] | None = None, within: float | None = None
    ) -> None:
        self._within = within
        self._deadline = None if within is None else time.monotonic() + within
        self._is_late = False
        # Files and no pipes: whatever the project starts may keep a pipe open.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed when it was read
        self._complaint = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHECK, json.dumps([sys.path, settings or {}])],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._complaint,
        )

    def is_done(self) -> bool:
        """Whether it has ended, by itself or because its time is over."""
        if self._process.poll() is not None:
            return True
        if self._deadline is not None and time.monotonic() > self._deadline:
            self._end()
            return True
        return False

    def wait(self) -> str | None:
        """Wait for its end. What keeps the project from starting; None when nothing does."""
        try:
            self._process.wait(self._within)
        except subprocess.TimeoutExpired:
            self._end()
        return self.mistakes()

    def _end(self) -> None:
        self._is_late = True
        self.stop()
        self._process.wait()

    def stop(self) -> None:
        """Tell it to end, which it does at once. Nothing happens when it has ended."""
        self._process.kill()

    def close(self) -> None:
        """End it, and keep nothing of it."""
        self.stop()
        self._process.wait()
        self._said.close()
        self._complaint.close()

    def mistakes(self) -> str | None:
        """Of one that is done: what keeps the project from starting; None when nothing does."""
        said, complaint = _content(self._said), _content(self._complaint)
        if self._is_late:
            return f"The project did not start within {self._within:g} seconds."
        if said.rpartition("\n")[2] == _OK:
            return None
        return said or complaint or "The project's start ended the process that tried it."


def _content(file: Any) -> str:
    """What the file has, and its end."""
    file.seek(0)
    content: str = file.read().decode("utf-8", "replace").strip()
    file.close()
    return content
