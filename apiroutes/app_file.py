"""The App of a project: the App that its `app.py` makes, or else an App of its directory.

In: a project directory and settings. Out: an App. Every command, server and test that is given a directory
gets its App here, so that all of them have the same middleware and fallback. Raises ProjectError.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from apiroutes.app import App
from apiroutes.errors import Problem, ProjectError
from apiroutes.handlers import (
    OwnNames,
    import_file,
    imported_names,
    imported_packages,
    make_importable,
    parsed,
)
from apiroutes.secret_keys import SecretKeys

__all__ = ["app_of"]

_FILE = "app.py"
_NAME = "app"
_ARGUMENTS = ("fallback", "middleware")  # of App, which are not settings

_MAKERS = ("App", "create_app", "create_asgi_app")  # names that are imported to make an App
# Frameworks whose programs are also called app.py.
_OTHERS = frozenset(
    [
        "aiohttp",
        "blacksheep",
        "bottle",
        "chalice",
        "connexion",
        "dash",
        "django",
        "falcon",
        "fastapi",
        "flask",
        "gradio",
        "kivy",
        "litestar",
        "nicegui",
        "pyramid",
        "quart",
        "reflex",
        "robyn",
        "sanic",
        "shiny",
        "starlette",
        "streamlit",
        "textual",
        "tkinter",
        "tornado",
        "typer",
    ]
)

_importing: set[Path] = set()

_log = logging.getLogger("apiroutes")


def app_of(root: str | os.PathLike[str] = ".", **settings: Any) -> App:
    """Return the App of the project in `root`. Raises ProjectError.

    An `app.py` in `root` that sets `app` to an App makes it. `settings` reach that App as if they were in the
    environment, so its own arguments win. With middleware or a fallback among the settings, the caller gets a
    separate App.
    """
    directory = Path(root).resolve()
    file = directory / _FILE
    makes_own = not settings.keys().isdisjoint(_ARGUMENTS)
    if makes_own or _is_being_imported(file) or not _makes_app(directory):
        return App(directory, **settings)
    with _environment(settings), _inside(directory):
        bound = getattr(_import(directory), _NAME, None)
    app = _app_behind(bound)
    if app is None:
        kind = "None" if bound is None else f"a {type(bound).__name__}"
        message = "%s: `%s` is %s, not an App, so it is not used. Assign the App to that name to serve it."
        # Record: `app.py` sets `app` to something that is not an App.
        _log.warning(message, _FILE, _NAME, kind)
        return App(directory, **settings)
    if app.root != directory:
        message = f"its App is for another directory, {app.root}."
        raise ProjectError([Problem(_FILE, message, "Write `App(Path(__file__).parent)`.")])
    return app


def _makes_app(root: Path) -> bool:
    """Return whether the file may set `app` to an App; otherwise it belongs to another program.

    It belongs to another program if it imports another framework but not apiroutes, itself or through files
    of the project. A file that cannot be read, or whose imports are missing, has to be imported to report
    why: without it, middleware would be missing.
    """
    file = root / _FILE
    if not os.path.lexists(file):
        return False
    try:
        tree = parsed(file)
        names = imported_names(tree)
        binds_app = _NAME in names or _NAME in OwnNames(file)
        if not binds_app and not names.isdisjoint(_MAKERS):
            # Record: `app.py` makes an App and gives it a name other than `app`.
            _log.warning(
                "%s does not set `%s`, so it is not used. Call the App `%s` to serve it.",
                *(_FILE, _NAME, _NAME),
            )
        packages = imported_packages(tree, file, root) if binds_app else _OTHERS
    except (OSError, SyntaxError, ValueError, RecursionError, ImportError):
        return True
    return "apiroutes" in packages or packages.isdisjoint(_OTHERS)


def _is_being_imported(file: Path) -> bool:
    """Return whether the file itself is the caller, through `create_app()`."""
    return file in _importing or any(
        getattr(module, "__file__", None) == str(file)
        and (name == "__main__" or getattr(getattr(module, "__spec__", None), "_initializing", False))
        for name, module in list(sys.modules.items())
    )


def _import(root: Path) -> ModuleType:
    """Import the file under its own name, unless another project in this process has that name."""
    known = sys.modules.get(_NAME)
    if known is not None and getattr(known, "__file__", None) == str(root / _FILE):
        return known
    make_importable(root)
    _importing.add(root / _FILE)
    try:
        return import_file(root, _FILE, _NAME if known is None else f"_apiroutes_app_{len(sys.modules)}")
    finally:
        _importing.remove(root / _FILE)


def _app_behind(bound: object) -> App | None:
    """Return the App that the file sets, itself or as its ASGI application."""
    if isinstance(bound, App):
        return bound
    from apiroutes.asgi_application import ASGIApplication

    app = bound.app if isinstance(bound, ASGIApplication) else None
    return app if isinstance(app, App) else None


@contextlib.contextmanager
def _environment(settings: Mapping[str, Any]) -> Iterator[None]:
    """Put the settings into the environment inside the block."""
    given = {name: value for name, value in settings.items() if value is not None}
    texts = {f"APIROUTES_{name.upper()}": _as_text(value) for name, value in given.items()}
    before = {name: os.environ.get(name) for name in texts}
    os.environ.update(texts)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, SecretKeys):
        value = value.reveal()
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


@contextlib.contextmanager
def _inside(directory: Path) -> Iterator[None]:
    """Make the directory the current one inside the block, so that `App()` is its project."""
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)
