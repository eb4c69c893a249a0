"""The changes of a project's files, as they come.

In: the project's directory. Out: sets of changed files, from a thread of its own. Watching needs the extra
`dev`; this is the only file that imports watchfiles.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

try:
    import watchfiles
except ImportError:  # the extra is not installed
    watchfiles = None  # type: ignore[assignment]

__all__ = ["CAN_WATCH", "Changes", "Watcher", "is_watched"]

CAN_WATCH = watchfiles is not None

_ENDINGS = (".py", ".toml")
# `.apiroutes` contains what Apps write themselves.
_LEFT_OUT = {"__pycache__", ".apiroutes", ".venv", ".env", ".git", "node_modules"}

# Milliseconds. watchfiles looks for changes once per step, and waits until a further step brings none, for so
# long at most: saving a file changes several names, and a checkout hundreds of files.
_STEP = 10
_LONGEST = 300


class Changes(NamedTuple):
    """Files that were written, added or deleted, and those of them that did not exist before."""

    paths: frozenset[str]
    new: frozenset[str]


class Watcher:
    """Watches the files below `root`, and calls `on_changes` with each set of changes.

    `on_failure` is called when nothing is watched any more. Both are called in another thread.
    """

    def __init__(
        self,
        root: Path,
        on_changes: Callable[[Changes], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._root = root
        self._on_changes = on_changes
        self._on_failure = on_failure
        self._stop = threading.Event()
        self._known: set[str] = set()
        # Files that are watched whatever their endings. Replaced as a whole, by another thread.
        self._others: frozenset[str] = frozenset()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def watch_others(self, paths: Iterable[str]) -> None:
        """Watch these files whatever their endings, instead of those that were given before."""
        self._others = frozenset(path for path in paths if not _is_left_out(self._root, path))

    def leave_out(self, path: str) -> None:
        """Watch one of these files no more."""
        self._others -= {path}

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(1)

    def _watch(self) -> None:
        try:
            self._known.update(self._files_below(str(self._root)))
            for reported in watchfiles.watch(
                self._root,
                watch_filter=None,
                step=_STEP,
                debounce=_LONGEST,
                rust_timeout=0,
                stop_event=self._stop,
                raise_interrupt=False,
            ):
                changes = self._changes_of(reported)
                if changes.paths:
                    self._on_changes(changes)
        except Exception as error:
            self._on_failure(error)

    def _changes_of(self, reported: Iterable[tuple[watchfiles.Change, str]]) -> Changes:
        """Return the files that changed: of a directory that is moved, only its own name is reported."""
        paths: set[str] = set()
        gone: list[str] = []
        for change, path in reported:
            if path in self._others or is_watched(self._root, path):
                paths.add(path)
            elif change is watchfiles.Change.deleted:
                gone.append(path + os.sep)
            if os.path.isdir(path):
                paths |= set(self._files_below(path)) - self._known
        if gone:
            paths |= {known for known in self._known if known.startswith(tuple(gone))}
        existing = set(filter(os.path.lexists, paths))
        new = existing - self._known
        self._known = (self._known - paths) | existing
        return Changes(frozenset(paths), frozenset(new))

    def _files_below(self, directory: str) -> Iterator[str]:
        for place, directories, names in os.walk(directory):
            directories[:] = [name for name in directories if name not in _LEFT_OUT]
            for path in (os.path.join(place, name) for name in names):
                if is_watched(self._root, path):
                    yield path


def is_watched(root: Path, path: str) -> bool:
    """Return whether a change of the file may change what the project does, by its name alone."""
    name = os.path.basename(path)
    if _is_left_out(root, path) or name.startswith(".#"):  # an editor's lock
        return False
    return name.endswith(_ENDINGS) or name.startswith(".env")


def _is_left_out(root: Path, path: str) -> bool:
    return not _LEFT_OUT.isdisjoint(PurePath(path).relative_to(root).parts[:-1])
