"""The release of a project: a name for its code, which keeps entries apart that different code has cached.

In: the project's directory, its settings and routes. Out: a digest. It is the same for all workers of a
deployment, on any machine, and for its scripts; changed code has another digest.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from apiroutes.routing import Route
from apiroutes.settings import Settings
from apiroutes.version import __version__

__all__ = ["release_of"]

_DIGEST_SIZE = 16  # bytes
_ALWAYS = ("pyproject.toml", "app.py", "instrumentation.py", "middleware.py")
# The directories below the root in which an absolute import finds the project's modules.
_TOPS = ("", "src")
# Directories of third-party code, or of files that Python keeps.
_OTHERS = frozenset(["site-packages", "dist-packages", "node_modules", "__pycache__"])
_NAME = re.compile(rb"[\w\x80-\xff]+")


def release_of(root: Path, settings: Settings, routes: Iterable[Route]) -> str:
    """Return the setting `release`, or a digest of the project's code in the directory `root`, and the mode.

    The code is every Python file beside the routes, and every file or package at the root that one of these
    files imports, directly or through others, anywhere in its code: a helper changes answers as well. The
    modules that a process has imported so far would not do: they differ in a script, which revalidates what
    the workers have cached. Only pyproject.toml may tell the versions of libraries. The mode is included,
    because development has other `.env` files, and with them other data.
    """
    if settings.release is not None:
        return f"{settings.mode}:{settings.release}"
    beside = {route.file.partition("/")[0] for route in routes}
    named = {name.partition(":")[0].partition(".")[0] for name in settings.middleware}
    code = _Code(str(root))
    code.add([*_ALWAYS, *beside, *code.found(os.fsencode(name) for name in named)])
    digest = hashlib.blake2b(__version__.encode(), digest_size=_DIGEST_SIZE)
    for file, content in sorted(code.contents.items()):
        name = os.fsencode(file)
        digest.update(b"%d %d %b" % (len(name), len(content), name))
        digest.update(content)
    return f"{settings.mode}:{digest.hexdigest()}"


class _Code:
    """Files of a project with their contents: the files that were added, and all files that they import."""

    def __init__(self, root: str) -> None:
        self.contents: dict[str, bytes] = {}
        self._root = root
        self._added: set[str] = set()
        self._importable: dict[bytes, list[str]] = {}  # files and directories, by their names in an import
        for top in _TOPS:
            for name in _names_in(os.path.join(root, top)):
                key = os.fsencode(name.removesuffix(".py"))
                self._importable.setdefault(key, []).append(os.path.join(top, name))

    def found(self, names: Iterable[bytes]) -> Iterator[str]:
        """Yield the files and directories that an import of one of these names may mean."""
        for name in names:
            yield from self._importable.get(name, ())

    def add(self, paths: Iterable[str]) -> None:
        """Add files, and the Python files of directories."""
        waiting = [*paths]
        while waiting:
            path = waiting.pop()
            if path in self._added:
                continue
            self._added.add(path)
            whole = os.path.join(self._root, path)
            if os.path.isdir(whole):
                waiting += self._add_python_in(path)
            elif os.path.isfile(whole):  # not a pipe, on which reading would block
                waiting += self._add_file(path)

    def _add_python_in(self, directory: str) -> Iterator[str]:
        """Add the Python files of a directory; yield what they import, and the directory's subdirectories."""
        with contextlib.suppress(OSError), os.scandir(os.path.join(self._root, directory)) as entries:
            for entry in entries:
                path = os.path.join(directory, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in _OTHERS:
                        yield path
                elif entry.name.endswith(".py") and entry.is_file() and path not in self._added:
                    self._added.add(path)
                    yield from self._add_file(path)

    def _add_file(self, path: str) -> Iterator[str]:
        """Add a file, and yield what it imports."""
        with contextlib.suppress(OSError), open(os.path.join(self._root, path), "rb", buffering=0) as file:
            content = self.contents[path] = file.readall()
            for names in _imports_in(content):
                yield from self.found(_NAME.findall(names))


def _imports_in(source: bytes) -> Iterator[bytes]:
    """Yield each import statement, wherever it is; a line inside a string may look like one."""
    start = source.find(b"import")
    while start >= 0:
        line = source.rfind(b"\n", 0, start) + 1
        end = source.find(b"\n", start)
        if source.find(b"(", line, end) >= 0:
            end = source.find(b")", start)
        if end < 0:
            end = len(source)
        statement = source[line:end]
        if statement.lstrip().startswith((b"import", b"from")):
            yield statement
        start = source.find(b"import", end)


def _names_in(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
