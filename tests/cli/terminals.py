"""Commands on a terminal: in a pseudo-terminal, with what they print there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["APIROUTES", "Terminal", "on_terminal", "terminal", "without_styles"]

APIROUTES = [sys.executable, "-m", "apiroutes"]
TOP = Path(__file__).parents[2]
SECONDS = 30

# What would change colours is not inherited.
_FOREIGN = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLUMNS", "LINES", "PORT", "APIROUTES_")


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return {**kept, "PYTHONPATH": str(TOP), "TERM": "xterm", **variables}


def without_styles(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


class Terminal:
    """A pseudo-terminal; `text` is all that was printed so far, with line feeds alone."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self._descriptor = descriptor
        self.process = process
        self._printed = b""

    @property
    def text(self) -> str:
        return self._printed.decode("utf-8", "replace").replace("\r\n", "\n")

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def forget(self) -> None:
        """Forget what was printed so far."""
        self._printed = b""

    def read_until(self, text: str | None) -> str:
        """Read until the text was printed, or with None until the process has ended; return all text."""
        deadline = time.monotonic() + SECONDS
        while text is None or text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} was not printed, but {self.text!r}"
            if not select.select([self._descriptor], [], [], 0.05)[0]:
                assert text is None or self.process.poll() is None, self.text
                continue
            try:
                received = os.read(self._descriptor, 4096)
            except OSError:  # Linux: nobody has the other end open
                received = b""
            if not received:
                assert text is None, f"{text!r} was not printed, but {self.text!r}"
                break
            self._printed += received
        return self.text


@contextlib.contextmanager
def terminal(command: Sequence[str], columns: int = 200, **variables: str) -> Iterator[Terminal]:
    """Run a command in a terminal of so many columns; it ends with the block."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment(**variables),
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        os.close(ours)  # an interactive shell ends by that
        process.wait(SECONDS)


def on_terminal(*arguments: str, columns: int = 200, **variables: str) -> tuple[int, str]:
    """Run `apiroutes` in a terminal to its end. Return the exit status and what it printed."""
    with terminal([*APIROUTES, *arguments], columns, **variables) as shown:
        text = shown.read_until(None)
        return shown.process.wait(SECONDS), text
