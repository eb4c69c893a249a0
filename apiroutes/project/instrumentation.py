"""The project's `instrumentation.py`: what it exports, and what is wrong with it.

In: the root's file. Out: its functions; problems and warnings are added to those given. It is imported for
every command, before the project's other files. Only `apiroutes.lifespan` runs `register`, in processes that
answer requests.
"""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from apiroutes.errors import Problems, shown
from apiroutes.handlers import ModuleLoader, OwnNames
from apiroutes.project.nextjs_files import nextjs_files
from apiroutes.structs import Struct, field

__all__ = ["Instrumentation", "load_instrumentation"]

_FILE = "instrumentation.py"
_STEM = "instrumentation"

# What the files of other frameworks call these functions.
_OTHER_NAMES = {
    "register": (
        *("lifespan", "startup", "on_startup", "startup_event", "on_start", "before_server_start"),
        *("shutdown", "on_shutdown", "shutdown_event", "on_stop", "after_server_stop"),
    ),
    "on_request_error": (
        *("on_error", "request_error", "handle_request_error", "error_handler", "handle_error"),
        *("on_exception", "on_request_exception", "exception_handler", "handle_exception"),
    ),
    "checks": (
        *("readiness_checks", "readiness_check", "readiness", "liveness_checks", "ready_checks", "probes"),
        *("health_checks", "health_check", "health"),
    ),
}
_SIMILAR = 0.83  # a ratio of difflib: one letter is missing, or two are swapped
_EXPORTS = tuple(_OTHER_NAMES)
_NEXT_FILES = nextjs_files(_STEM)
_HOW_TO_REGISTER = "Write `def register(): ...`; code after a `yield` in it runs at the end."
_HOW_TO_OBSERVE = "Write `def on_request_error(error, request, context): ...`."
_HOW_TO_CHECK = 'Write a dict of functions without parameters: `checks = {"database": ping}`.'


class Instrumentation(Struct, frozen=True):
    """What a project's instrumentation.py exports; nothing for a project without that file."""

    register: Callable[[], Any] | None = None
    on_request_error: Callable[..., Any] | None = None
    checks: Mapping[str, Callable[[], Any]] = field(default_factory=dict)


def load_instrumentation(
    root: Path, loader: ModuleLoader, problems: Problems, warnings: Problems
) -> Instrumentation:
    """Import the file, if there is one, and check what it exports."""
    path = root / _FILE
    if not os.path.lexists(path):
        _warn_of_others(root, warnings)
        return Instrumentation()
    if not path.is_file():
        problems.add(_FILE, "is not a readable file.", "Make it a file, or remove it.")
        return Instrumentation()
    found = Problems()
    with found.collecting():
        module = loader.load_by_name(_FILE)
        instrumentation = _read(module, OwnNames(path), found, warnings)
    problems += found
    return Instrumentation() if found else instrumentation


def _warn_of_others(root: Path, warnings: Problems) -> None:
    """Warn of files that look as if they were meant as instrumentation.py."""
    for name in sorted(os.listdir(root)):
        if name.lower() == _FILE:
            warnings.add(name, f"is never imported: the file must be called {_FILE}.", "Rename it.")
    src = f"src/{_FILE}"
    if (root / src).is_file():
        warnings.add(
            src, "is never imported: the file belongs beside `pages`, at the root.", "Move it there."
        )
    for name in _NEXT_FILES:
        if (root / name).is_file() and not (root / "package.json").is_file():
            warnings.add(name, f"is never run: the file for Python is {_FILE}.", f"Write {_FILE}, in Python.")


def _read(module: ModuleType, own: OwnNames, problems: Problems, warnings: Problems) -> Instrumentation:
    _check_names(module, own, problems, warnings)
    register = getattr(module, "register", None)
    if register is not None:
        _check_register(register, own, problems)
    observer = getattr(module, "on_request_error", None)
    if observer is not None and not (callable(observer) and _takes(observer, 3)):
        message = f"`on_request_error` is {_described(observer)}; it is called with three arguments."
        problems.add(_FILE, message, _HOW_TO_OBSERVE, line=own.line_of("on_request_error"))
    checks = getattr(module, "checks", None)
    if checks is not None:
        _check_checks(checks, own, problems)
    return Instrumentation(register, observer, {} if problems or checks is None else checks)


def _check_names(module: ModuleType, own: OwnNames, problems: Problems, warnings: Problems) -> None:
    """Report names that are almost right, if the name that they may mean is missing."""
    found = [name for name in _EXPORTS if hasattr(module, name)]
    is_misnamed = False
    for meant in _EXPORTS:
        if meant in found:
            continue
        for name in own:
            is_close = _is_close(name, meant)
            if (is_close or _plain(name) in map(_plain, _OTHER_NAMES[meant])) and _may_be_meant(
                getattr(module, name, None), meant
            ):
                is_misnamed = True
                message = f"`{name}` is never used."
                remedy = f"Call it `{meant}`, or `_{name}` if it is a helper."
                if not is_close and meant == "register":
                    remedy = f"{_HOW_TO_REGISTER} Call a helper `_{name}`."
                problems.add(_FILE, message, remedy, line=own.line_of(name))
    if not found and not is_misnamed:
        message = f"exports none of `{'`, `'.join(_EXPORTS)}`, so it is only imported."
        warnings.add(_FILE, message, "Rename it if it is another module.")


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _is_close(name: str, meant: str) -> bool:
    """Return whether a public name is a misspelling of the `meant` name."""
    if name.startswith("_"):
        return False
    return difflib.SequenceMatcher(None, _plain(name), _plain(meant)).ratio() >= _SIMILAR


def _may_be_meant(value: object, meant: str) -> bool:
    if meant == "checks":
        return isinstance(value, Mapping) and any(map(callable, value.values()))
    return inspect.isroutine(value) or inspect.isclass(value)


def _check_register(register: object, own: OwnNames, problems: Problems) -> None:
    line = own.line_of("register")
    inner = inspect.unwrap(register) if callable(register) else register
    if not callable(register) or inspect.isclass(register):
        problems.add(
            _FILE, f"`register` is {_described(register)}, not a function.", _HOW_TO_REGISTER, line=line
        )
    elif inner is not register and _is_generator(inner) and not _is_generator(register):
        message = "`register` is wrapped by a decorator that turns it into a context manager."
        remedy = "Remove `@contextmanager` or `@asynccontextmanager`: a function with a `yield` is enough."
        problems.add(_FILE, message, remedy, line=line)
    elif not _takes(register, 0):
        message = f"`register` is {_described(register)}; it is called without arguments."
        remedy = "Remove the parameters: handlers find the dict that it yields in `req.app`."
        problems.add(_FILE, message, remedy, line=line)


def _check_checks(checks: object, own: OwnNames, problems: Problems) -> None:
    line = own.line_of("checks")
    if not isinstance(checks, Mapping):
        problems.add(_FILE, f"`checks` is {_described(checks)}, not a dict.", _HOW_TO_CHECK, line=line)
        return
    for name, check in checks.items():
        line = own.line_of_key("checks", [str(name)])
        if not isinstance(name, str) or not name:
            problems.add(
                _FILE,
                f"a name in `checks` must be a non-empty str, not {shown(name)}.",
                _HOW_TO_CHECK,
                line=line,
            )
        elif not callable(check):
            message = f"the check {shown(name)} is {_described(check)}, not a function."
            problems.add(_FILE, message, _HOW_TO_CHECK, line=line)
        elif not _takes(check, 0):
            message = f"the check {shown(name)} is {_described(check)}; it is called without arguments."
            problems.add(_FILE, message, _HOW_TO_CHECK, line=line)


def _is_generator(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _takes(function: Callable[..., Any], count: int) -> bool:
    """Return whether the function can be called with so many positional arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # a function in C without a signature
        return True
    return True


def _described(value: object) -> str:
    if inspect.isclass(value):
        return f"the class `{value.__name__}`"
    if callable(value):
        try:
            return f"`{getattr(value, '__name__', type(value).__name__)}{inspect.signature(value)}`"
        except ValueError:
            return f"a {type(value).__name__}"
    return shown(value)
