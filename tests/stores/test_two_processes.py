"""No read that begins after a revalidation has returned sees an older value, in whatever process it is."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from apiroutes.stores.memory import MemoryStore
from apiroutes.stores.store import Entry, Lease, Store
from tests.stores import random_work
from tests.stores.kinds import KINDS, SHARED_KINDS, StoreOpener
from tests.stores.random_work import Worker

SECONDS = 2.5


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers set it: it is set back."""
    monkeypatch.setattr(time, "time", time.time)
    monkeypatch.setattr(time, "time_ns", time.time_ns)


def in_threads(store: Store, directory: Path, seconds: float) -> tuple[list[str], Counter[str]]:
    wrong: list[str] = []  # one list, so that all of them end when one has found something
    workers = [Worker(store, directory / "sources", seed, wrong) for seed in range(2)]
    threads = [threading.Thread(target=worker.work, args=(seconds,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong, workers[0].counts + workers[1].counts


def in_processes(code: str, directory: Path, seconds: float) -> tuple[list[str], Counter[str]]:
    arguments = [[code, str(directory / "sources"), str(seed), str(seconds)] for seed in range(2)]
    command = [sys.executable, "-m", random_work.__name__]
    processes = [subprocess.Popen([*command, *each], stdout=subprocess.PIPE) for each in arguments]
    wrong: list[str] = []
    counts: Counter[str] = Counter()
    for process in processes:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        its_wrong, its_counts = json.loads(output)
        wrong += its_wrong
        counts.update(its_counts)
    return wrong, counts


def has_tried_everything(counts: Counter[str]) -> bool:
    """Whether the work met all that could have gone wrong."""
    seen = [
        "hit",
        "miss",
        "kept",
        "refused",
        "expire",
        "stale",
        "revalidated",
        "clock",
        "quiet",
        "hot",
        "cleared",
    ]
    return all(counts[what] > 0 for what in seen)


@pytest.mark.costly
@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_two_processes_see_nothing_older_than_was_promised(open_store: StoreOpener, tmp_path: Path) -> None:
    wrong, counts = in_processes(open_store.source(), tmp_path, SECONDS)
    assert wrong == []
    assert has_tried_everything(counts), counts


@pytest.mark.costly
def test_two_threads_see_nothing_older_than_was_promised(store: Store, tmp_path: Path) -> None:
    wrong, counts = in_threads(store, tmp_path, SECONDS)
    assert wrong == []
    assert has_tried_everything(counts), counts


# -- the work above finds a store that breaks its promise


class WithoutSequence(MemoryStore):
    """What is put counts as begun when it is put."""

    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        return super().put(key, entry, self.begin(key))


class WithoutSomeNames(MemoryStore):
    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        return super().put(key, Entry(entry.content, entry.names[:2], entry.fresh, entry.stale), lease)


class WithoutGeneration(MemoryStore):
    def generation(self) -> object:
        return 1


class WithLateBumps(MemoryStore):
    """A bump returns before it is done."""

    def bump(self, name: str, mode: Any) -> None:
        threading.Timer(0.005, super().bump, (name, mode)).start()


class WithWallClock(MemoryStore):
    """The lifetime of what is stored ends by the wall clock."""

    def __init__(self, **limits: int) -> None:
        super().__init__(**limits)
        self._ends: dict[bytes, float] = {}

    def put(self, key: bytes, entry: Entry, lease: Lease) -> bool:
        self._ends[key] = time.time() + entry.fresh + entry.stale
        names, lifetime = entry.names, entry.fresh + entry.stale
        return super().put(key, Entry(entry.content, names, 3600 + lifetime), lease)

    def get(self, key: bytes) -> Entry | None:
        found = super().get(key)
        if found is None or time.time() > self._ends[key]:
            return None
        lifetime = found.fresh - 3600
        return Entry(found.content, found.names, lifetime, 0, found.age, found.is_revalidated)


BROKEN: Sequence[Callable[..., Store]] = [
    WithoutSequence,
    WithoutSomeNames,
    WithoutGeneration,
    WithLateBumps,
    WithWallClock,
]


@pytest.mark.costly
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_promise_is_found(broken: Callable[..., Store], tmp_path: Path) -> None:
    wrong, _ = in_threads(broken(max_entries=100, max_size=1_000_000), tmp_path, 20)
    assert wrong
