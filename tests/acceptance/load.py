"""Clients that keep sending requests while something happens to a server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.client import HTTPException

from tests.acceptance.client import Answer

__all__ = ["Load"]


class Load:
    """Clients that send requests one after the other, in a `with` block.

    Each client enters what `connect` returns, and calls what that yields for each request. `failures` has the
    errors, and each answer that is not a 200; `count` is that of the answers.
    """

    def __init__(
        self, connect: Callable[[], AbstractContextManager[Callable[[], Answer]]], clients: int
    ) -> None:
        self._connect = connect
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(clients)]
        self.failures: list[str] = []
        self.count = 0

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        with self._connect() as send:
            while not self._is_over.is_set():
                try:
                    answer = send()
                except (OSError, HTTPException) as error:
                    self.failures.append(repr(error))
                else:
                    self.count += 1
                    if answer.status != 200:
                        self.failures.append(f"{answer.status} {answer.text}")
