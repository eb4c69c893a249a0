"""A trial start of the project, before a server begins and before it replaces its workers.

In: a project directory, by default the current one. Out: the reason why the project does not start, as
text, or how many of its routes are async. It starts in an interpreter of its own, so that the server's main
process imports none of it. Without the check, a typing mistake and a HUP would stop a service: servers end
when their new workers do not start.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["NOT_RELOADED", "SECONDS", "RouteCounts", "StartCheck"]

NOT_RELOADED = "Not reloaded, the old code keeps serving. %s"

# A reload gives the new code this long to start.
SECONDS = 60

# The outcome comes by standard output, because a server that waits for any child may take its exit status.
_OK = re.compile(r"the project starts: ([0-9]+) of ([0-9]+) routes are async\Z")
_PROGRAM = """
import json, os, sys
sys.path[:], settings = json.loads(sys.argv.pop())
from apiroutes import ProjectError, create_app
try:
    routes = create_app(**settings).resources.values()
except ProjectError as error:
    print(error, flush=True)
else:
    count = sum(route.is_async() for route in routes)
    print(f"the project starts: {count} of {len(routes)} routes are async", flush=True)
os._exit(0)
"""


class RouteCounts(NamedTuple):
    """How many routes a project has, and how many of them an event loop answers as a whole."""

    on_loop: int
    all: int


class StartCheck:
    """A trial start of the project in `root`. The caller must wait for it, or close it.

    `settings` are arguments for its App. `within` is the time limit in seconds, None for no limit.
    """

    def __init__(
        self, root: Path = Path("."), settings: Mapping[str, Any] | None = None, within: float | None = None
    ) -> None:
        self._within = within
        self._deadline = None if within is None else time.monotonic() + within
        self._is_late = False
        self.routes = RouteCounts(0, 0)  # once there is a report
        # Files, not pipes: processes that the project starts may keep a pipe open.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed once it has been read
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, json.dumps([sys.path, settings or {}])],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._errors,
        )

    def is_done(self) -> bool:
        """Return whether it has ended, by itself or because its time is over."""
        if self._process.poll() is not None:
            return True
        if self._deadline is not None and time.monotonic() > self._deadline:
            self._end_late()
            return True
        return False

    def wait(self) -> str | None:
        """Wait for its end, and return its report."""
        try:
            self._process.wait(self._within)
        except subprocess.TimeoutExpired:
            self._end_late()
        return self.report()

    def _end_late(self) -> None:
        self._is_late = True
        self.stop()
        self._process.wait()

    def stop(self) -> None:
        """Kill the process, unless it has ended."""
        self._process.kill()

    def close(self) -> None:
        """Kill the process, and discard its output."""
        self.stop()
        self._process.wait()
        self._output.close()
        self._errors.close()

    def report(self) -> str | None:
        """Return why the project does not start, or None if it does. Only once the check is done."""
        output, errors = _content(self._output), _content(self._errors)
        if self._is_late:
            return f"The project did not start within {self._within:g} seconds."
        outcome = _OK.search(output)
        if outcome is not None:
            self.routes = RouteCounts(*map(int, outcome.groups()))
            return None
        return output or errors or "Starting the project ended the process."


def _content(file: Any) -> str:
    """Read the file from its beginning, and close it."""
    file.seek(0)
    content: str = file.read().decode("utf-8", "replace").strip()
    file.close()
    return content
