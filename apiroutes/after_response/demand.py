"""Whether anything in the process has imported `after`; where nothing has, no request pays for it.

In: the import; the Apps. Out: a call for each App, at once or when the import comes.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["came_late", "notice_import_of_after", "when_asked_for"]


class _Demand:
    def __init__(self) -> None:
        self.is_there = False
        self.came_late = False  # when there were Apps
        self.waiting: list[weakref.WeakMethod[Callable[[], object]]] = []


_demand = _Demand()


def notice_import_of_after(package: str) -> None:
    """Have a module notice when its `after` is asked for: by an import of the name, or as its attribute."""
    sys.modules[package].__class__ = _Package


class _Package(ModuleType):
    @property
    def after(self) -> Any:
        """The function of that name, which is in the module as any other."""
        _ask()
        return vars(self)["after"]


def _ask() -> None:
    if _demand.is_there:
        return
    _demand.is_there = True
    waiting, _demand.waiting = _demand.waiting, []
    for reference in waiting:
        method = reference()
        if method is not None:
            _demand.came_late = True
            method()


def when_asked_for(method: Callable[[], object]) -> None:
    """Call a method once `after` is imported, which it may be already. Its object may end before."""
    if _demand.is_there:
        method()
    else:
        _demand.waiting.append(weakref.WeakMethod(method))


def came_late() -> bool:
    """Return whether `after` was imported when there were Apps, which may have had requests running."""
    return _demand.came_late
