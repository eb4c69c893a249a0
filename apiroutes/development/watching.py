"""The changes of a project's files, as they come.

In: the project's directory. Out: sets of changes, from a thread of its own. Watching needs the extra `dev`;
this is the only file that imports watchfiles.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path, PurePath

try:
    import watchfiles
except ImportError:  # the extra is not installed
    watchfiles = None  # type: ignore[assignment]

__all__ = ["CAN_WATCH", "Watcher", "is_watched"]

CAN_WATCH = watchfiles is not None

_ENDINGS = (".py", ".toml")
_LEFT_OUT = {"__pycache__", ".venv", ".git", "node_modules"}

# Milliseconds. watchfiles looks for changes once in a step, and waits until none has come for one step more,
# for so long at most: saving a file changes several names, and a checkout hundreds of files.
_STEP = 10
_LONGEST = 300


class Watcher:
    """Watches the files below `root`, and calls `on_changes` with the paths of a set of changes.

    `on_failure` is called when nothing is watched any more. Both are called in another thread.
    """

    def __init__(
        self,
        root: Path,
        on_changes: Callable[[frozenset[str]], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._root = root
        self._on_changes = on_changes
        self._on_failure = on_failure
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(1)

    def _watch(self) -> None:
        def is_of_interest(change: object, path: str) -> bool:
            return is_watched(self._root, path)

        try:
            for changes in watchfiles.watch(
                self._root,
                watch_filter=is_of_interest,
                step=_STEP,
                debounce=_LONGEST,
                rust_timeout=0,
                stop_event=self._stop,
                raise_interrupt=False,
            ):
                self._on_changes(frozenset(path for _, path in changes))
        except Exception as error:
            self._on_failure(error)


def is_watched(root: Path, path: str) -> bool:
    """Return whether a change of the file may change what the project does."""
    *directories, name = PurePath(path).relative_to(root).parts or ("",)
    if not _LEFT_OUT.isdisjoint(directories) or name.startswith(".#"):  # an editor's lock
        return False
    return name.endswith(_ENDINGS) or name.startswith(".env")
