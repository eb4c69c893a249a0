"""Refuses an App that a project's own file makes while the project is loading, which would never end.

In: the project's directory. Out: nothing. Raises NestedAppError, which the failed import explains.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from apiroutes.errors import NestedAppError

__all__ = ["loading"]

_loading: set[tuple[Path, int]] = set()  # with the thread that loads


@contextlib.contextmanager
def loading(root: Path) -> Iterator[None]:
    """Refuse to load the project again inside the block. Raises NestedAppError."""
    key = root, threading.get_ident()
    if key in _loading:
        raise NestedAppError("this file is loaded by an App of the same project")
    _loading.add(key)
    try:
        yield
    finally:
        _loading.remove(key)
