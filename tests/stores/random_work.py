"""Random reads, writes and revalidations of a store, which notice what must not happen.

The workers, threads or processes, share a file of sources: a version of each name. What is stored under a key
is what a computation read of the sources of its names. A revalidation raises a version, then bumps the name,
and then writes down the promise: whoever begins to read after that sees this version, or a later one.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apiroutes.stores.store import Entry, Mode, Store, StoreError

# The names of four paths: their own, those of what is above, of their route and of their tags.
NAMES_OF: dict[bytes, tuple[str, ...]] = {
    b"/posts/1": ("path:/posts/1", "below:/", "below:/posts", "route:/posts/[id]", "tag:posts", "tag:a"),
    b"/posts/2": ("path:/posts/2", "below:/", "below:/posts", "route:/posts/[id]", "tag:posts", "tag:b"),
    b"/users/1": ("path:/users/1", "below:/", "below:/users", "route:/users/[id]", "tag:a"),
    b"/about": ("path:/about", "below:/", "route:/about"),
}
KEYS = [*NAMES_OF]
# What nobody revalidates, and is computed again only when it is gone, so that it lives as long as it may.
QUIET = b"/quiet"
NAMES_OF[QUIET] = ("path:/quiet",)
NAMES = sorted({name for names in NAMES_OF.values() for name in names})
LIFETIMES = [0.1, 0.5, 3600.0]
# Seconds for which an entry may seem to outlive its lifetime, because a machine with much to do was slow.
TOLERANCE = 0.8


class Sources:
    """The versions of all names, and the least ones that were promised in each mode."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        os.ftruncate(self._descriptor, 3 * 8 * len(NAMES))
        numbers = memoryview(mmap.mmap(self._descriptor, 3 * 8 * len(NAMES))).cast("Q")
        self.versions, self._expire, self._stale = (numbers[i::3] for i in range(3))

    def close(self) -> None:
        os.close(self._descriptor)

    def promised(self, mode: Mode) -> memoryview:
        return self._expire if mode == "expire" else self._stale

    @contextmanager
    def alone(self) -> Iterator[None]:
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)  # threads have descriptors of their own
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)


class Worker:
    """Does random work with a store, and counts what it saw; `wrong` has what it must not have seen."""

    def __init__(self, store: Store, sources: Path, seed: int, wrong: list[str] | None = None) -> None:
        self.store = store
        self.sources = Sources(sources)
        self.random = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = [] if wrong is None else wrong
        self._hot: dict[bytes, tuple[object, float, Entry]] = {}
        self._offset = 0.0
        self._offsets = [-7200.0, 3600.0, -40 * 365 * 86_400.0]  # the last one first
        # What is there when the clock is set has time to live on.
        self._next_at = {"clear": time.monotonic() + 0.5, "clock": time.monotonic() + 1}

    def work(self, seconds: float) -> None:
        actions = [self.read, self.read_hot, self.read_quiet, self.compute, self.revalidate, self.clear]
        actions.append(self.set_clock)
        weights = [30, 40, 5, 15, 4, 2, 2]
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.wrong:
            (action,) = self.random.choices(actions, weights)
            try:
                action()
            except StoreError as error:
                self.counts[f"errors: {error}"] += 1
        self.sources.close()

    def read(self) -> None:
        key = self.random.choice(KEYS)
        promised = self._promised(key)
        began = time.monotonic()
        self._check("hit", key, self.store.get(key), promised, began)

    def read_hot(self) -> None:
        """Read a copy of this worker's own, good while the generation is that of before it was copied."""
        key = self.random.choice(KEYS)
        promised = self._promised(key)
        began = time.monotonic()
        generation = self.store.generation()
        of_copy, copied, copy = self._hot.get(key, (None, 0.0, None))
        if copy is not None and generation is not None and of_copy == generation and began < copied + 1:
            return self._check("hot", key, copy, promised, began, min(copy.fresh - copy.age, 1) + copied)
        entry = self.store.get(key)
        if entry is not None and not entry.is_revalidated:
            self._hot[key] = (generation, began, entry)

    def read_quiet(self) -> None:
        began = time.monotonic()
        found = self.store.get(QUIET)
        self._check("quiet", QUIET, found, self._promised(QUIET), began)
        if found is None:
            self.compute(QUIET, self.random.choice(LIFETIMES[:2]))

    def compute(self, of: bytes | None = None, lifetime: float | None = None) -> None:
        key = self.random.choice(KEYS) if of is None else of
        names = NAMES_OF[key]
        if self.random.random() < 0.3:
            lease = self.store.begin(key)
        else:
            given = self.store.lease(key, names, 10, at_once=self.random.random() < 0.5)
            if given is None:
                self.counts["waited"] += 1
                return
            lease = given
        versions = [self.sources.versions[NAMES.index(name)] for name in names]
        time.sleep(self.random.choice([0, 0, 0.001, 0.02]))
        lifetime = lifetime or self.random.choice(LIFETIMES)
        content = json.dumps([versions, time.monotonic()]).encode()
        is_kept = self.store.put(key, Entry(content, names, lifetime * 0.6, lifetime * 0.4), lease)
        self.counts["kept" if is_kept else "refused"] += 1
        if lease.token:
            self.store.release(lease, self.random.choice([None, None, 0.001]))

    def revalidate(self) -> None:
        name = self.random.choice([name for name in NAMES if name not in NAMES_OF[QUIET]])
        mode: Mode = "stale" if self.random.random() < 0.3 else "expire"
        versions = self._raise([name])
        self.store.bump(name, mode)
        self._promise(versions, mode)
        self.counts[mode] += 1

    def clear(self) -> None:
        if not self._is_time("clear"):
            return
        versions = self._raise(NAMES)
        self.store.clear()
        self._promise(versions, "expire")
        self.counts["cleared"] += 1

    def set_clock(self) -> None:
        """Set the clock of this process, as far as Python reads it, after it was right for a while."""
        if not self._is_time("clock"):
            return
        self._offset = self._offsets.pop() if self._offsets else self.random.uniform(-1e9, 1e9)
        real = time.clock_gettime
        time.time = lambda: real(time.CLOCK_REALTIME) + self._offset
        time.time_ns = lambda: int(time.time() * 1e9)
        self.counts["clock"] += 1

    def _is_time(self, what: str) -> bool:
        """Whether something may be done that would leave little to see if it was done often."""
        moment = time.monotonic()
        is_time = moment >= self._next_at[what]
        if is_time:
            self._next_at[what] = moment + self.random.uniform(2.5, 5)
        return is_time

    def _raise(self, names: list[str]) -> dict[int, int]:
        versions = {}
        with self.sources.alone():
            for name in names:
                index = NAMES.index(name)
                self.sources.versions[index] += 1
                versions[index] = self.sources.versions[index]
        return versions

    def _promise(self, versions: dict[int, int], mode: Mode) -> None:
        promised = self.sources.promised(mode)
        with self.sources.alone():
            for index, version in versions.items():
                promised[index] = max(promised[index], version)

    def _promised(self, key: bytes) -> list[tuple[int, int]]:
        expire, stale = self.sources.promised("expire"), self.sources.promised("stale")
        indexes = [NAMES.index(name) for name in NAMES_OF[key]]
        return [(expire[index], stale[index]) for index in indexes]

    def _check(
        self,
        how: str,
        key: bytes,
        entry: Entry | None,
        promised: list[tuple[int, int]],
        began: float,
        ends: float | None = None,
    ) -> None:
        if entry is None:
            self.counts["miss"] += 1
            return
        self.counts["revalidated" if entry.is_revalidated else how] += 1
        versions, put = json.loads(entry.content)
        for name, version, (expire, stale) in zip(NAMES_OF[key], versions, promised):
            if version < expire or (version < stale and not entry.is_revalidated):
                self.wrong.append(f"{how} {key!r}: {name} has {version}, promised {expire} or stale {stale}")
        if ends is None and began > put + entry.fresh + entry.stale + TOLERANCE:
            self.wrong.append(f"{how} {key!r}: it was put {began - put} s ago")


def main(code: str, sources: str, seed: str, seconds: str) -> None:
    """Work with the store that some code makes, and print what was seen as JSON."""
    names: dict[str, Store] = {}
    exec(code, names)
    worker = Worker(names["store"], Path(sources), int(seed))
    worker.work(float(seconds))
    names["store"].close()
    sys.stdout.write(json.dumps([worker.wrong, worker.counts]))


if __name__ == "__main__":
    main(*sys.argv[1:])
