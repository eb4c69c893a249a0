"""A trial start of the project, before a server begins and before it replaces its workers.

In: a project directory, by default the current one. Out: the reason why the project does not start, as text
and as problems, or the number of its async routes. The project starts in a separate interpreter, so that the
server's main process does not import it. Without the check, a typing mistake and a HUP would stop a service:
servers end when their new workers do not start.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from apiroutes.errors import Problem, report

__all__ = ["NOT_RELOADED", "SECONDS", "WITHOUT_DIRECTORY", "RouteCounts", "StartCheck"]

NOT_RELOADED = "Not reloaded, the old code keeps serving. %s"

# A reload gives the new code this many seconds to start.
SECONDS = 60

# The outcome is sent through standard output, because a server that waits for any child may collect its exit
# status. Output of the project comes before it. Settings and sys.path are passed through standard input:
# Linux accepts no argument longer than 128 KB.
_MARK = "apiroutes-start-check:"
# With -c and -m, Python looks for modules in the current directory first, so a project's `email.py` would
# hide Python's own. This has the effect of -P, which Python 3.10 does not have.
WITHOUT_DIRECTORY = "if sys.path[0] in ('', '.'): del sys.path[0]"
_PROGRAM = f"""
import sys
{WITHOUT_DIRECTORY}
import json, os
sys.path[:], settings = json.load(sys.stdin)
from dataclasses import asdict
from apiroutes import ProjectError, create_app
try:
    routes = create_app(**settings).resources.values()
except ProjectError as error:
    outcome = {{"problems": [asdict(problem) for problem in error.problems]}}
else:
    counts = [sum(route.is_async() for route in routes), len(routes)]
    names = ["is_cached", "counts_in_memory", "keeps_in_memory"]
    facts = [any(getattr(route, name) for route in routes) for name in names]
    outcome = {{"routes": counts, "facts": facts}}
print()
print("{_MARK}" + json.dumps(outcome), flush=True)
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
        self.caches = False  # also from the report: whether a route is cached
        self.counts_in_memory = False  # also: whether each worker counts the requests of a route by itself
        self.keeps_in_memory = False  # also: whether each worker keeps the sessions of a route by itself
        self.problems: tuple[Problem, ...] = ()  # also
        # Files, not pipes: processes that the project starts may keep a pipe open.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed by _discard
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        with tempfile.TemporaryFile() as given:
            given.write(json.dumps([sys.path, dict(settings or {})]).encode())
            given.seek(0)
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM],
                cwd=root,
                stdin=given,
                stdout=self._output,
                stderr=self._errors,
            )
        # A check that is forgotten leaves neither a process nor files behind.
        self._discard = weakref.finalize(self, _discard, self._process, self._output, self._errors)

    def is_done(self) -> bool:
        """Return whether the check has ended, by itself or because its time is up."""
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
        self._discard()

    def report(self) -> str | None:
        """Return why the project does not start, or None if it does. Only once, when the check is done."""
        output, errors = _content(self._output), _content(self._errors)
        self.close()
        if self._is_late:
            return f"The project did not start within {self._within:g} seconds."
        _, mark, outcome = output.rpartition(_MARK)
        if not mark:
            return output or errors or "Starting the project ended the process."
        found = json.loads(outcome)
        if "routes" in found:
            self.routes = RouteCounts(*found["routes"])
            self.caches, self.counts_in_memory, self.keeps_in_memory = found["facts"]
            return None
        self.problems = tuple(_problem(**problem) for problem in found["problems"])
        return report(self.problems)


def _problem(span: Sequence[int] | None, importers: Sequence[str], **fields: Any) -> Problem:
    """Return a problem from JSON, in which tuples have become lists."""
    return Problem(span=None if span is None else (span[0], span[1]), importers=tuple(importers), **fields)


def _content(file: IO[bytes]) -> str:
    """Read the file from its beginning."""
    file.seek(0)
    return file.read().decode("utf-8", "replace").strip()


def _discard(process: subprocess.Popen[bytes], *files: IO[bytes]) -> None:
    process.kill()
    process.wait()
    for file in files:
        file.close()
