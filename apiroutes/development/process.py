"""A child of the development server, as its parent sees it.

In: its command, the listening socket. Out: what it says, and its end, as calls from other threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from apiroutes.development.child import ENVIRONMENT, Given

__all__ = ["CAN_INHERIT", "ChildProcess"]

# Windows has neither fork nor sockets that a new process can inherit by number.
CAN_INHERIT = hasattr(os, "fork")


class ChildProcess:
    """A process that serves, or waits for its turn if `go` is None.

    `on_line` is called with what it says, and `on_end` when it has ended, both in other threads.
    Without `CAN_INHERIT` it cannot wait, and it says nothing.
    """

    def __init__(
        self,
        command: Sequence[str],
        listener: socket.socket,
        imports: Sequence[str],
        go: float | None,
        on_line: Callable[[ChildProcess, list[str]], None],
        on_end: Callable[[ChildProcess], None],
    ) -> None:
        self.is_serving = False
        self.running = 0  # requests that it has begun and not finished, once it accepts no more
        self._channel: socket.socket | None = None
        if CAN_INHERIT:
            self._channel, theirs = socket.socketpair()
            with theirs:
                numbers = (listener.fileno(), theirs.fileno())
                self._process = self._start(command, Given(*numbers, time.time(), [*imports], go), numbers)
            self._run(self._read, self._channel, on_line)
        else:
            self._process = self._start(command, Given(None, None, time.time(), [*imports], go), ())
        self._run(self._wait, on_end)

    def _start(
        self, command: Sequence[str], given: Given, inherited: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        environment = {**os.environ, ENVIRONMENT: json.dumps(given._asdict())}
        with _ctrl_c_blocked():
            return subprocess.Popen(command, env=environment, pass_fds=inherited)

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _read(self, channel: socket.socket, on_line: Callable[[ChildProcess, list[str]], None]) -> None:
        with contextlib.suppress(ConnectionError), channel.makefile(encoding="utf-8") as lines:
            for line in lines:
                on_line(self, line.split(" ", 1))

    def _wait(self, on_end: Callable[[ChildProcess], None]) -> None:
        self._process.wait()
        on_end(self)

    # -- what the parent says ----------------------------------------------------------------

    def go(self, changed: float) -> None:
        """Let it load the project and serve, for a change at that time (`time.monotonic`)."""
        self._say(f"go {changed}")

    def accept(self) -> None:
        """Let it accept connections, once it has said that it serves."""
        self.is_serving = True
        self._say("accept")

    def stop_accepting(self) -> None:
        """Let it finish the requests that it has begun, and end."""
        if self.is_serving:
            self._say("stop")
        else:  # it has begun none
            self.terminate()

    def _say(self, text: str) -> None:
        assert self._channel is not None
        with contextlib.suppress(OSError):  # it has ended
            self._channel.sendall(text.encode() + b"\n")

    def terminate(self) -> None:
        """Let it end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    @property
    def status(self) -> int | None:
        """Its exit status, None as long as it runs."""
        return self._process.returncode

    def close(self) -> None:
        """Release what belongs to a process that has ended."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)  # so that the thread that reads ends
            self._channel.close()


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach until they are prepared for it."""
    if not CAN_INHERIT:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
