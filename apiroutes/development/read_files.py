"""The project's files that its import reads, such as templates: a change of one changes what is loaded.

In: the project's directory. Out: their paths, and a call for each that the project writes itself later.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["ReadFiles"]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class ReadFiles:
    """Notes the files that are opened, by Python's audit events (PEP 578), until the process ends.

    Data that the project reads and writes is left out. `on_write` is called, in any thread, with a path that
    was reported and is about to be written.
    """

    def __init__(self, root: Path, on_write: Callable[[str], None]) -> None:
        self._below = str(root) + os.sep
        self._on_write = on_write
        self._read: set[str] = set()
        self._written: set[str] = set()
        self._has_told = False
        sys.addaudithook(self._note)

    def tell(self) -> list[str]:
        """Return the files that have been read and not written; files that are read later do not count."""
        self._has_told = True
        return sorted(self._read)

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        # What is raised here would be raised by the call that opens the file.
        with contextlib.suppress(OSError, ValueError, TypeError):
            if event == "open":
                path, mode, flags = arguments
                self._note_file(path, flags & _WRITING != 0 or not set(mode or "").isdisjoint("wax+"))
            elif event == "os.rename":
                self._note_file(arguments[1], True)

    def _note_file(self, path: Any, is_written: bool) -> None:
        if isinstance(path, int) or (self._has_told and not is_written):
            return
        name = os.path.abspath(os.fsdecode(path))
        if not name.startswith(self._below):
            return
        if not is_written:
            if name not in self._written:
                self._read.add(name)
            return
        self._written.add(name)
        if name in self._read:
            self._read.discard(name)
            if self._has_told:
                self._on_write(name)
