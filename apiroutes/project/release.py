"""The release of a project: the name of its code, by which what other code has cached is told apart.

In: the project's directory and its routes, after all of its files were loaded. Out: a digest, the same for
all workers of a deploy on whichever machine, and another one for changed code.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from apiroutes.routing import Route
from apiroutes.settings import Settings
from apiroutes.version import __version__

__all__ = ["release_of"]

_DIGEST_SIZE = 16  # bytes
# Directories of what others wrote, or of what Python keeps.
_OTHERS = frozenset(["site-packages", "dist-packages", "node_modules", "__pycache__"])


def release_of(root: Path, settings: Settings, routes: Iterable[Route]) -> str:
    """Return the setting `release`, or a digest of the project's code in the directory `root`.

    A helper that a route imports changes answers as well, and may stand anywhere, so the code is every module
    of the project that was imported by now, and every Python file beside the routes, which a handler may
    import later. The versions of libraries are told by pyproject.toml, if at all.
    """
    if settings.release is not None:
        return settings.release
    files = {"pyproject.toml", *_imported(str(root)), *_beside(str(root), routes)}
    digest = hashlib.blake2b(__version__.encode(), digest_size=_DIGEST_SIZE)
    for file in sorted(files):
        content = _content(os.path.join(root, file))
        if content is not None:
            name = os.fsencode(file)
            digest.update(b"%d %d %b" % (len(name), len(content), name))
            digest.update(content)
    return digest.hexdigest()


def _imported(root: str) -> Iterator[str]:
    """Yield the files of the modules below the directory, but for the program that imported them."""
    top = os.path.join(root, "")
    for name, module in [*sys.modules.items()]:
        if name == "__main__" or not isinstance(module, ModuleType):
            continue
        file = vars(module).get("__file__")  # an attribute could be computed
        if isinstance(file, str) and file.startswith(top):
            relative = file[len(top) :]
            if _OTHERS.isdisjoint(relative.split(os.sep)):
                yield relative


def _beside(root: str, routes: Iterable[Route]) -> Iterator[str]:
    """Yield the Python files in the top directories of routes."""
    waiting = [*{route.file.partition("/")[0] for route in routes}]
    while waiting:
        directory = waiting.pop()
        try:
            entries = [*os.scandir(os.path.join(root, directory))]
        except OSError:
            continue
        for entry in entries:
            path = os.path.join(directory, entry.name)
            if entry.is_dir():
                if entry.name not in _OTHERS and not entry.is_symlink():
                    waiting.append(path)
            elif entry.name.endswith(".py") and entry.is_file():
                yield path


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return None
