"""No session comes back that has ended, and none loses what was merged, in whatever process it is."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pytest

from apiroutes.stores.session_memory import MemorySessionStore
from apiroutes.stores.session_store import Lifetime, SessionStore
from tests.stores import session_work
from tests.stores.session_kinds import SESSION_KINDS, SHARED_SESSION_KINDS, SessionStoreOpener
from tests.stores.session_work import Worker

SECONDS = 2.5


@pytest.fixture(params=SESSION_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def in_threads(store: SessionStore, directory: Path, seconds: float) -> tuple[list[str], Counter[str]]:
    wrong: list[str] = []  # one list, so that all of them end when one has found something
    workers = [Worker(store, directory / "records", number, wrong) for number in range(2)]
    threads = [threading.Thread(target=worker.work, args=(seconds,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return wrong, workers[0].counts + workers[1].counts


def in_processes(code: str, directory: Path, seconds: float) -> tuple[list[str], Counter[str]]:
    command = [sys.executable, "-m", session_work.__name__, code, str(directory / "records")]
    processes = [
        subprocess.Popen([*command, str(number), str(seconds)], stdout=subprocess.PIPE) for number in range(2)
    ]
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
    seen = ["merged", "not merged", "found", "gone", "renamed", "not renamed", "ended", "ended of all"]
    return all(counts[what] > 0 for what in seen)


@pytest.mark.costly
@pytest.mark.parametrize("kind", SHARED_SESSION_KINDS)
def test_sessions_that_two_processes_share_end_and_lose_nothing(
    open_session_store: SessionStoreOpener, tmp_path: Path
) -> None:
    wrong, counts = in_processes(open_session_store.source(), tmp_path, SECONDS)
    assert wrong == []
    assert has_tried_everything(counts), counts


@pytest.mark.costly
def test_sessions_that_two_threads_share_end_and_lose_nothing(
    open_session_store: SessionStoreOpener, tmp_path: Path
) -> None:
    wrong, counts = in_threads(open_session_store(), tmp_path, SECONDS)
    assert wrong == []
    assert has_tried_everything(counts), counts


# -- the work above finds a store that breaks its promise


class WithWholeMerges(MemorySessionStore):
    """A merge writes all values, as it has read them."""

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> bool:
        session = self.load(key, lifetime)
        if session is None:
            return False
        time.sleep(0)
        return super().merge(key, {**session.values, **changed}, removed, lifetime)


class WithSessionsThatComeBack(MemorySessionStore):
    """A merge writes the session that it has read, whether it has ended or not."""

    def merge(
        self, key: bytes, changed: Mapping[str, bytes], removed: Collection[str], lifetime: Lifetime
    ) -> bool:
        session = self.load(key, lifetime)
        if session is None:
            return False
        time.sleep(0.0001)
        self.begin(key, {**session.values, **changed}, lifetime, session.owner)
        return True


class WithTwoKeys(MemorySessionStore):
    """The old key of a session has it for a moment longer."""

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> bool:
        session = self.load(key, lifetime)
        if session is None:
            return False
        self.begin(new_key, session.values, lifetime, session.owner if owner is None else owner)
        threading.Timer(0.005, self.end, (key,)).start()
        return True


class WithMovesInTwoSteps(MemorySessionStore):
    """A session that moves is nobody's in between, so that the end of all misses it."""

    def rename(self, key: bytes, new_key: bytes, owner: str | None, lifetime: Lifetime) -> bool:
        session = self.load(key, lifetime)
        if session is None:
            return False
        self.end(key)
        time.sleep(0.001)
        self.begin(new_key, session.values, lifetime, session.owner if owner is None else owner)
        return True


class WithLateEnds(MemorySessionStore):
    """An end returns before it is done."""

    def end(self, key: bytes) -> None:
        threading.Timer(0.005, super().end, (key,)).start()


class WithLateEndsOfAll(MemorySessionStore):
    def end_all(self, owner: str) -> int:
        threading.Timer(0.005, super().end_all, (owner,)).start()
        return 1


class WithLosses(MemorySessionStore):
    """The end of a session of an owner ends all of them."""

    def end(self, key: bytes) -> None:
        session = self.load(key, Lifetime(3600))
        if session is not None and session.owner is not None:
            self.end_all(session.owner)


BROKEN: Sequence[Callable[[], MemorySessionStore]] = [
    WithWholeMerges,
    WithSessionsThatComeBack,
    WithTwoKeys,
    WithMovesInTwoSteps,
    WithLateEnds,
    WithLateEndsOfAll,
    WithLosses,
]


@pytest.mark.costly
@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_promise_is_found(broken: Callable[[], MemorySessionStore], tmp_path: Path) -> None:
    wrong, _ = in_threads(broken(), tmp_path, 20)
    assert wrong
