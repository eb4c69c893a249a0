"""Random work with a store of sessions, in threads or processes, which notices what must not happen.

The workers share a file in which each writes down, before and after every operation, what others may rely
on. A session begins under a key of its worker's, and has a value for each worker, which counts upwards:

- Once its end, or its move to another key, has returned, no session is found under a key.
- Once the end of all sessions of an owner has returned, none is found that the owner had before it, also
  under no key to which it was moved at the same time.
- What a worker has merged is there, whatever the others merged at the same time.
- A session that nobody has tried to end is there.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

from apiroutes.stores.session_store import Lifetime, SessionStore

WORKERS = 2
OWNERS = 3  # beside nobody, which is 0
# Keys of one worker, of which the last ones are in use.
_MOST_KEYS, _IN_USE = 30_000, 6
_LIFETIME = Lifetime(3600.0, 1800.0)


class Records:
    """Numbers that the workers share. Each is written by one worker at a time."""

    def __init__(self, path: Path) -> None:
        slots = WORKERS * _MOST_KEYS
        sizes = {
            **{"owner": slots, "parent": slots, "seen": slots, "begun": slots, "tried": slots},
            **{"ended": slots, "all_ended": slots, "merged": slots * WORKERS},
            **{"next": WORKERS, "tries": WORKERS * (OWNERS + 1), "successes": WORKERS * (OWNERS + 1)},
        }
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(descriptor, 8 * sum(sizes.values()))
        numbers = memoryview(mmap.mmap(descriptor, 8 * sum(sizes.values()))).cast("Q")
        os.close(descriptor)
        start = 0
        views: dict[str, memoryview] = {}
        for name, size in sizes.items():
            views[name] = numbers[start : start + size]
            start += size
        self.owner, self.parent, self.seen = views["owner"], views["parent"], views["seen"]
        self.begun, self.tried, self.ended = views["begun"], views["tried"], views["ended"]
        self.all_ended, self.merged = views["all_ended"], views["merged"]
        self.next, self.tries, self.successes = views["next"], views["tries"], views["successes"]

    @staticmethod
    def count(numbers: memoryview, worker: int, owner: int) -> None:
        numbers[worker * (OWNERS + 1) + owner] += 1

    @staticmethod
    def total(numbers: memoryview, owner: int) -> int:
        return sum(numbers[worker * (OWNERS + 1) + owner] for worker in range(WORKERS))


class Worker:
    """One of the workers; what it finds wrong goes into `wrong`."""

    def __init__(self, store: SessionStore, path: Path, number: int, wrong: list[str]) -> None:
        self._store = store
        self._number = number
        self._wrong = wrong
        self._records = Records(path)
        self._random = random.Random(number)
        self._count = 0
        self.counts: Counter[str] = Counter()

    def work(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        acts = [self._begin, self._merge, self._load, self._load, self._rename, self._end, self._end_all]
        weights = [4, 8, 6, 6, 3, 1, 1]
        while time.monotonic() < end and not self._wrong:
            if self._records.next[self._number] >= _MOST_KEYS:
                return
            (act,) = self._random.choices(acts, weights)
            act()

    def _begin(self) -> None:
        owner = self._random.randrange(OWNERS + 1)
        slot = self._new_slot(owner)
        self._store.begin(_key(slot), {}, _LIFETIME, _name(owner))
        self._records.begun[slot] = 1

    def _merge(self) -> None:
        slot, records = self._some_slot(), self._records
        if slot is None:
            return
        had_ended = self._must_have_ended(slot)
        self._count += 1
        name = str(self._number)
        if self._store.merge(_key(slot), {name: b"%d" % self._count}, ["nothing"], _LIFETIME):
            self.counts["merged"] += 1
            self._check(not had_ended, f"a merge into {slot}, which had ended")
            records.merged[slot * WORKERS + self._number] = self._count
        else:
            self.counts["not merged"] += 1

    def _load(self) -> None:
        slot, records = self._some_slot(), self._records
        if slot is None:
            return
        had_ended, had_begun = self._must_have_ended(slot), records.begun[slot]
        merged = [records.merged[slot * WORKERS + worker] for worker in range(WORKERS)]
        session = self._store.load(_key(slot), _LIFETIME)
        if session is None:
            self.counts["gone"] += 1
            tries = records.total(records.tries, records.owner[slot])
            was_tried = records.tried[slot] or tries != records.seen[slot]
            self._check(not had_begun or bool(was_tried), f"no {slot}, which nobody has ended")
            return
        self.counts["found"] += 1
        self._check(not had_ended, f"{slot}, which had ended")
        for worker, count in enumerate(merged):
            there = int(session.values.get(str(worker), b"0"))
            self._check(there >= count, f"{there} in {slot}, where {worker} had merged {count}")

    def _rename(self) -> None:
        slot, records = self._some_slot(), self._records
        if slot is None:
            return
        is_kept = self._random.random() < 0.5
        owner = records.owner[slot] if is_kept else self._random.randrange(1, OWNERS + 1)
        had_ended = self._must_have_ended(slot)
        new_slot = self._new_slot(owner, slot)
        records.tried[slot] = 1
        if self._store.rename(_key(slot), _key(new_slot), None if is_kept else _name(owner), _LIFETIME):
            self.counts["renamed"] += 1
            self._check(not had_ended, f"a move of {slot}, which had ended")
            records.ended[slot] = 1
            records.begun[new_slot] = 1
        else:
            self.counts["not renamed"] += 1
            records.ended[new_slot] = 1

    def _end(self) -> None:
        slot, records = self._some_slot(), self._records
        if slot is None:
            return
        had_begun = records.begun[slot]
        records.tried[slot] = 1
        self._store.end(_key(slot))
        self.counts["ended"] += 1
        if had_begun:  # otherwise it may begin after its end
            records.ended[slot] = 1

    def _end_all(self) -> None:
        owner, records = self._random.randrange(1, OWNERS + 1), self._records
        records.count(records.tries, self._number, owner)
        begun = [slot for slot in self._slots_in_use(50) if records.begun[slot]]
        its = [slot for slot in begun if records.owner[slot] == owner]
        name = _name(owner)
        assert name is not None
        self.counts["ended of all"] += self._store.end_all(name)
        for slot in its:
            records.all_ended[slot] = 1
        records.count(records.successes, self._number, owner)

    def _must_have_ended(self, slot: int) -> bool:
        """Whether no session may be found under a key from now on."""
        records = self._records
        if records.ended[slot]:
            return True
        ancestor = slot
        while True:
            if records.all_ended[ancestor]:
                if ancestor != slot:
                    self.counts["moved at the same time"] += 1
                return True
            if not records.parent[ancestor]:
                return False
            ancestor = records.parent[ancestor] - 1

    def _new_slot(self, owner: int, source: int | None = None) -> int:
        """Return a key for a session that begins, or moves from another one, and let others know it."""
        records, number = self._records, self._records.next[self._number]
        slot = self._number * _MOST_KEYS + number
        records.owner[slot] = owner
        # What ends all of its owner's sessions may end it, if that has not returned by now.
        records.seen[slot] = records.total(records.successes, owner)
        if source is not None:
            records.parent[slot] = source + 1 if owner == records.owner[source] else 0
            for worker in range(WORKERS):
                records.merged[slot * WORKERS + worker] = records.merged[source * WORKERS + worker]
        records.next[self._number] = number + 1
        return slot

    def _some_slot(self) -> int | None:
        slots = self._slots_in_use(_IN_USE)
        return self._random.choice(slots) if slots else None

    def _slots_in_use(self, count: int) -> list[int]:
        return [
            worker * _MOST_KEYS + number
            for worker in range(WORKERS)
            for last in [self._records.next[worker]]
            for number in range(max(0, last - count), last)
        ]

    def _check(self, is_right: bool, what: str) -> None:
        if not is_right:
            self._wrong.append(f"worker {self._number} has found {what}")


def _key(slot: int) -> bytes:
    return b"%d" % slot


def _name(owner: int) -> str | None:
    return None if owner == 0 else f"owner {owner}"


def main() -> None:
    """Work in this process: `python -m tests.stores.session_work CODE FILE NUMBER SECONDS`."""
    code, file, number, seconds = sys.argv[1:]
    names: dict[str, SessionStore] = {}
    exec(code, names)
    wrong: list[str] = []
    worker = Worker(names["store"], Path(file), int(number), wrong)
    worker.work(float(seconds))
    sys.stdout.write(json.dumps([wrong, worker.counts]))


if __name__ == "__main__":
    main()
