"""What an exception at import means, and what to write.

In: an exception, and the line of the project that raised it. Out: a message, a remedy, and the text to mark.
"""

from __future__ import annotations

import builtins
import difflib
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NamedTuple

from apiroutes.code_origin import is_ours
from apiroutes.errors import NestedAppError, one_line
from apiroutes.handlers.foreign_names import FOREIGN_NAMES
from apiroutes.handlers.habits import instead_of_app_attribute, instead_of_decorator
from apiroutes.handlers.missing_modules import how_to_find
from apiroutes.handlers.modules import file_of_module
from apiroutes.handlers.sources import OwnNames
from apiroutes.places import place_at, project_file
from apiroutes.secret_keys import is_secret

__all__ = ["Explained", "explain"]


_SHORTEST_COMPARED = 3  # shorter names resemble too many others


class Explained(NamedTuple):
    """What is wrong, what to do, and the text of the line that is to be marked."""

    message: str
    remedy: str
    mark: str | None = None


def explain(error: BaseException, root: Path, file: str, line: int | None) -> Explained:
    """Explain the exception that the line of the project's file raised."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        found = how_to_find(error.name, root, file, line)
        return Explained(found.message or _sentence(error), found.remedy, found.mark)
    if isinstance(error, ImportError):
        return _import_error(error, root, file, line)
    if isinstance(error, NestedAppError):
        return _nested_app(file)
    if isinstance(error, KeyError) and _is_of_environ(error):
        return _unset_variable(str(error.args[0]), root)
    if isinstance(error, SystemExit):
        message = f"{one_line(error)}. The file ends the process."
        return Explained(message, "Remove the call, or put it into a function.")
    if isinstance(error, NameError) and error.name in sys.stdlib_module_names:
        remedy = f"Write `import {error.name}` at the top of the file."
        return Explained(_sentence(error), remedy, error.name)
    other = _out_of_habit(error, root, file, line)
    if other is not None:
        return other
    if isinstance(error, (NameError, AttributeError)):
        close = _close_name(error)
        if close is not None:
            return Explained(_sentence(error), f"Did you mean `{close}`?", error.name)
    if isinstance(error, NameError) and error.name:
        return Explained(_sentence(error), f"Define `{error.name}`, or import it, above.", error.name)
    return Explained(_sentence(error), _general_remedy(error, root, line))


def _sentence(error: BaseException) -> str:
    """Return an exception as a sentence, which its text may be already."""
    text = one_line(error)
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def _out_of_habit(error: BaseException, root: Path, file: str, line: int | None) -> Explained | None:
    """Explain `@app.get("/x")`, `app.run()` and the like: without an App, and on one."""
    remedy = name = None
    if isinstance(error, AttributeError) and type(error.obj).__module__ == "apiroutes.app":
        name, remedy = error.name, instead_of_app_attribute(str(error.name))
    elif isinstance(error, NameError) and error.name:
        name = error.name
        remedy = instead_of_decorator(place_at(root, file, line).source or "", name)
    return None if remedy is None else Explained(_sentence(error), remedy, name)


def _general_remedy(error: BaseException, root: Path, line: int | None) -> str:
    what = "Correct the file" if line is None else f"Correct line {line}"
    raised = _raised_in_library(error.__traceback__, root)
    return f"{what}." if raised is None else f"{what}, or what it depends on: {raised} raised the exception."


def _raised_in_library(traceback: TracebackType | None, root: Path) -> str | None:
    """Return the innermost place, if it is in an installed package; None for one in the project."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return None
    path = traceback.tb_frame.f_code.co_filename
    if path.startswith("<") or project_file(path, root) is not None or is_ours(path):
        return None  # our own messages say what to write
    parts = path.replace(os.sep, "/").rpartition("site-packages/")[2].split("/")
    return f"{'/'.join(parts[-3:])}:{traceback.tb_lineno}"


# -- names -----------------------------------------------------------------------------------------


def _import_error(error: ImportError, root: Path, file: str, line: int | None) -> Explained:
    text = str(error)
    if "beyond top-level package" in text:
        depth = file.count("/") + 1
        remedy = (
            f"Write at most {depth} dots: with {depth} an import from {file} begins at the project's root."
        )
        return Explained(f"ImportError: the import has too many dots: {text}.", remedy)
    if "no known parent package" in text or "without a known parent" in text:
        remedy = "Import by the whole name, as in `from lib.db import x`: this file is not part of a package."
        return Explained(_sentence(error), remedy)
    missing = re.fullmatch(r"(.+?)(?:: |\. Run: )(pip install .+)", text)  # our own messages
    if missing is not None:
        return Explained(f"ImportError: {missing[1]}.", f"Run: {missing[2]}")
    match = re.match(r"cannot import name '([^']+)' from '([^']+)'", text)
    if match is None:
        return Explained(_sentence(error), _general_remedy(error, root, None))
    name, module = match[1], match[2]
    path = file_of_module(module, root) or (project_file(error.path, root) if error.path else None)
    source = path or f"`{module}`"
    message = f"ImportError: {source} has no `{name}`."
    if path is not None and not path.endswith(".py"):  # a directory, in which a file was wanted
        found = how_to_find(f"{module}.{name}", root, file, line)
        return Explained(found.message or message, found.remedy, name)
    undefined = None if path is None else _not_yet_defined(name, path, OwnNames(root / path))
    return undefined or Explained(message, _instead_of(name, module, path), name)


def _instead_of(name: str, module: str, path: str | None) -> str:
    """Return what to write for a name that a module, the file `path` of the project, does not have."""
    other = _module_with(name, module)
    if other is not None:
        return f"Write `from {other} import {name}`."
    if module == "apiroutes" and name in FOREIGN_NAMES:
        return FOREIGN_NAMES[name]
    close = difflib.get_close_matches(name, _public_names(sys.modules.get(module)), 1, 0.6)
    if close:
        return f"Did you mean `{close[0]}`?"
    if path is not None:
        return f"Define `{name}` in {path}, or correct the name."
    return f"Correct the name. The installed version of `{module.partition('.')[0]}` may be a different one."


def _not_yet_defined(name: str, path: str, own: OwnNames) -> Explained | None:
    """Explain a name that the file binds below the line that led here: in an app.py, the one with its App."""
    if name not in own:
        return None
    place = f"{path}:{own.line_of(name)}"
    if own.is_call(name, "App"):
        message = (
            f"circular import: {place} makes `{name}` by loading the routes, and this file is one of them."
        )
        return Explained(message, "Remove the import, or put it into the function that uses it.", name)
    message = f"ImportError: {place} has not yet defined `{name}`."
    if any(own.is_call(other, "App") for other in own):
        message = f"ImportError: {place} defines `{name}` below its App, which loads the routes first."
        remedy = f"Define `{name}` above the App, or in a file of its own that both import."
        return Explained(message, remedy, name)
    remedy = f"Move `{name}` into a file that imports neither, or import it inside the function that uses it."
    return Explained(message, remedy, name)


def _nested_app(file: str) -> Explained:
    if file == "app.py":
        message = "the routes import this file while they are loaded, and it makes an App of them."
        return Explained(message, "Move what the routes import into another file.", "App")
    message = "the file makes an App of its own project while the project is loaded."
    return Explained(message, "A route does not make an App: put `app = App()` into app.py.", "App")


def _public_names(module: ModuleType | None) -> list[str]:
    return [] if module is None else [name for name in dir(module) if not name.startswith("__")]


def _module_with(name: str, package: str) -> str | None:
    """Return the loaded module of a package that exports the name."""
    exporting = [
        module_name
        for module_name, module in list(sys.modules.items())
        if module_name.startswith(f"{package}.") and name in getattr(module, "__all__", ())
    ]
    return min(exporting, key=len, default=None)


def _close_name(error: NameError | AttributeError) -> str | None:
    """Return the name that was probably meant; Python's own suggestion is not in the exception's text."""
    if not error.name:
        return None
    known: Iterable[str]
    if isinstance(error, AttributeError):
        known = dir(error.obj)
    else:
        traceback: Any = error.__traceback__
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        frame = traceback.tb_frame
        known = {*frame.f_locals, *frame.f_globals, *vars(builtins)}
    close = difflib.get_close_matches(error.name, known, 1, 0.7)
    return close[0] if close and len(error.name) > _SHORTEST_COMPARED else None


# -- the environment -------------------------------------------------------------------------------


def _is_of_environ(error: KeyError) -> bool:
    """Return whether a variable of the environment is missing."""
    traceback: Any = error.__traceback__
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_name == "__getitem__" and frame.f_locals.get("self") is os.environ:
            return True
        traceback = traceback.tb_next
    return False


def _unset_variable(name: str, root: Path) -> Explained:
    message = f"KeyError: the environment variable `{name}` is not set."
    close = difflib.get_close_matches(name, [key for key in os.environ if key != name], 1, 0.8)
    also = f" `{close[0]}` is set: did you mean it?" if close else ""
    remedy = f"Put `{name}=...` into .env or the environment"
    if not is_secret(name):  # a default would be a secret in the source
        remedy += f', or read it with a default: `os.environ.get("{name}", "...")`'
    return Explained(message, f"{remedy}.{also}", name)
