"""Whether the process has imported a function that needs the current request; if not, no request pays for it.

In: the names of such functions, `after` among them; their import; the Apps. Out: a call for each App, at once
or when the import happens. Functions that import such a name only when they are called, or use it as an
attribute of the package, are found in their code.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from functools import partial
from types import CodeType, FunctionType, ModuleType
from typing import Any

from apiroutes.code_origin import PROJECT_PACKAGE

__all__ = ["came_late", "notice_imports", "when_asked_for"]

_PACKAGE = "apiroutes"


class _Demand:
    def __init__(self) -> None:
        self.is_there = False
        self.came_late = False  # after an App had been made
        self.waiting: list[weakref.WeakMethod[Callable[[], object]]] = []
        self.names: frozenset[str] = frozenset()


_demand = _Demand()


def notice_imports(package: str, *names: str) -> None:
    """Make a module notice when one of these names is imported, or used as its attribute."""
    _demand.names = frozenset(names)
    for name in names:
        setattr(_Package, name, property(partial(_asked_for, name)))
    sys.modules[package].__class__ = _Package


class _Package(ModuleType):
    """A module with a property for each of the names, which its namespace contains as usual."""


def _asked_for(name: str, module: ModuleType) -> Any:
    _ask()
    return vars(module)[name]


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
    """Call a method once one of the names is imported, or now if one is. Its object may be gone by then."""
    if not _demand.is_there and any(map(_will_ask, list(sys.modules.values()))):
        _ask()
    if _demand.is_there:
        method()
    else:
        _demand.waiting.append(weakref.WeakMethod(method))


def _will_ask(module: object) -> bool:
    """Return whether a function of a project's module will import one of the names when it is called."""
    names = getattr(module, "__dict__", {})
    own = str(names.get("__name__", ""))
    is_candidate = own.startswith(PROJECT_PACKAGE) or isinstance(names.get(_PACKAGE), _Package)
    if not is_candidate or own.partition(".")[0] == _PACKAGE:
        return False
    functions = (value for value in list(names.values()) if isinstance(value, FunctionType))
    return any(_asks(function.__code__) for function in functions)


def _asks(code: CodeType) -> bool:
    # `import apiroutes` with `apiroutes.after`, and `from apiroutes import after`, both contain both names.
    if _PACKAGE in code.co_names and not _demand.names.isdisjoint(code.co_names):
        return True
    return any(_asks(inner) for inner in code.co_consts if isinstance(inner, CodeType))


def came_late() -> bool:
    """Return whether an App, which may have been serving requests, was made before the first import."""
    return _demand.came_late
