"""The files in which the workers of a machine share their metrics: prometheus_client's multi-process mode.

In: a directory of files, one for each worker and kind of metric. Out: the same values in fewer files. A
counter never goes back: what a worker has counted stays when it ends. Its gauges go with it, but for those
that are a minimum, a maximum, a sum or the latest value of all workers that have been.
https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import contextlib
import logging
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import mmap_dict, values

from apiroutes.telemetry.directory import is_alive

try:
    import fcntl
except ImportError:  # Windows, where apiroutes runs in one process
    fcntl = None  # type: ignore[assignment]

__all__ = ["fold", "keep_directory", "locked", "make_again"]

_log = logging.getLogger("apiroutes")

# Whose methods have no types.
_MmapedDict: Any = mmap_dict.MmapedDict

# In the place of a process id, in the names of files that hold what dead workers have left.
_FOLDED = "folded"
_LOCK = "lock"

# What the library keeps a worker's values in, where workers share them.
_NAME_OF_KIND = "MmapedDict"

_Values = dict[str, tuple[float, float]]  # each with its time, which the latest ones have


def keep_directory() -> None:
    """Make the shared directory again when a worker needs it, in place of an error in whatever it does.

    What removes old files may remove it. Call it before the project makes metrics, which open their files
    where they are made or first used: the library raises the error there, in a handler or at a start.
    """
    setattr(values, _NAME_OF_KIND, _File)


class _File(_MmapedDict):  # type: ignore[misc]
    """The values of one kind in this worker; in memory alone, if there can be no file."""

    def __init__(self, name: str, read_mode: bool = False) -> None:
        self._unshared: dict[str, tuple[float, float]] | None = None
        path = Path(name)
        try:
            if path.parent.is_dir() or make_again(path.parent):
                super().__init__(name, read_mode)
                return
        except OSError as error:
            # Record: A worker cannot write its own metrics, such as when a disk is full.
            _log.warning("%s cannot be written, so its metrics are not at metrics_path: %s", path, error)
        self._unshared = {}

    def read_value(self, key: str) -> tuple[float, float]:
        if self._unshared is None:
            found: tuple[float, float] = super().read_value(key)
            return found
        return self._unshared.get(key, (0.0, 0.0))

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        if self._unshared is None:
            super().write_value(key, value, timestamp)
        else:
            self._unshared[key] = value, timestamp

    def close(self) -> None:
        if self._unshared is None:
            super().close()


def make_again(path: Path) -> bool:
    """Make a directory that has disappeared, which is logged once, as is that it cannot be made."""
    try:
        path.mkdir(mode=0o700, parents=True)
    except OSError as error:
        if path.is_dir():  # another worker was faster
            return True
        if path not in _given_up:
            _given_up.add(path)
            message = "%s, in which workers share their metrics, is missing and cannot be created: %s"
            # Record: The directory of the metrics was deleted, and cannot be created again; logged once.
            _log.warning(message, path, error)
        return False
    # Record: The directory of the metrics was deleted.
    _log.warning(
        "%s, in which workers share their metrics, was missing and is created again. Earlier counts are "
        "lost, and some metrics are incomplete until the server is restarted",
        path,
    )
    return True


_given_up: set[Path] = set()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the directory: nobody else folds its files meanwhile, or reads them."""
    with (path / _LOCK).open("ab") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield  # closing the file lets the lock go


def fold(path: Path) -> None:
    """Put the values of dead workers together, and remove their files. With the lock held."""
    left: dict[str, list[Path]] = {}
    for file in path.glob("*.db"):
        kind, _, process = file.stem.rpartition("_")
        if process.isdecimal() and not is_alive(int(process)):
            left.setdefault(kind, []).append(file)
    for kind, files in left.items():
        if kind in _JOINS:
            _join(path / f"{kind}_{_FOLDED}.db", kind, files)
        for file in files:
            file.unlink(missing_ok=True)


def _join(folded: Path, kind: str, files: list[Path]) -> None:
    """Add the values of files to those of the folded file, which is replaced as a whole."""
    join = _JOINS[kind]
    values: _Values = {}
    for file in [folded, *files]:
        for key, value in _read(file).items():
            values[key] = join(values[key], value) if key in values else value
    new = folded.with_suffix(".new")
    new.unlink(missing_ok=True)
    written = _MmapedDict(str(new))
    for key, (number, time) in values.items():
        written.write_value(key, number, time)
    written.close()
    new.replace(folded)


def _read(file: Path) -> _Values:
    """Return the values of a file by key; those of one that its worker has left incomplete are lost."""
    if not file.exists():
        return {}
    try:
        entries = _MmapedDict.read_all_values_from_file(str(file))
        return {key: (value, time) for key, value, time, _ in entries}
    except (RuntimeError, struct.error, UnicodeDecodeError) as error:
        # Record: The file of an ended worker cannot be read.
        _log.warning("the metrics of a worker are lost: %s: %s", file.name, error)
        return {}


def _sum(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] + other[0], 0.0


def _latest(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return max(one, other, key=lambda value: value[1])


# How two values of a key become one, by kind of file; of the kinds that are not here nothing is kept.
_JOINS: dict[str, Callable[[tuple[float, float], tuple[float, float]], tuple[float, float]]] = {
    "counter": _sum,
    "histogram": _sum,
    "summary": _sum,
    "gauge_sum": _sum,
    "gauge_min": min,
    "gauge_max": max,
    "gauge_mostrecent": _latest,
}
