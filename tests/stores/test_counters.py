"""Counts of uses, in every store: never more than a limit allows, and all uses of a request or none."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import redis as client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apiroutes.stores.counters import Counters, Use, Window
from apiroutes.stores.memory_counters import MemoryCounters
from apiroutes.stores.redis_counters import RedisCounters
from apiroutes.stores.sqlite_counters import SQLiteCounters
from apiroutes.stores.store import StoreError
from tests.redis_server import RedisServer
from tests.stores.kinds import KINDS, SHARED_KINDS

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16
HOUR = 3600
_prefixes = count()


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def place(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The code with which any process makes counters of a kind that share their counts."""
    if kind == "memory":
        return "MemoryCounters()"
    if kind == "sqlite":
        return f"SQLiteCounters(__import__('pathlib').Path({str(tmp_path / 'limits.db')!r}))"
    return f"RedisCounters({request.getfixturevalue('redis').patient_url!r}, {f'test{next(_prefixes)}'!r})"


@pytest.fixture
def counters(place: str) -> Iterator[Counters]:
    made: Counters = eval(place)
    yield made
    made.close()


def use(key: bytes = A, amount: int = 3, seconds: int = HOUR, cost: int = 1) -> Use:
    return Use(key, amount, seconds, cost)


def admitted(counters: Counters, *uses: Use, times: int = 1) -> list[bool]:
    return [counters.take(uses)[0] for _ in range(times)]


@pytest.mark.parametrize("kind", KINDS)
def test_as_much_as_the_limit_is_admitted(counters: Counters) -> None:
    assert admitted(counters, use(), times=5) == [True, True, True, False, False]


@pytest.mark.parametrize("kind", KINDS)
def test_each_key_has_its_own_count(counters: Counters) -> None:
    assert admitted(counters, use(A, 1), times=2) == [True, False]
    assert admitted(counters, use(B, 1), times=2) == [True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_a_use_costs_what_it_says(counters: Counters) -> None:
    assert [admitted(counters, use(amount=10, cost=cost)) for cost in (4, 7, 6, 1)] == [
        [True],
        [False],
        [True],
        [False],
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cost", [4, 2**53])
def test_what_costs_more_than_the_limit_never_fits(counters: Counters, cost: int) -> None:
    assert admitted(counters, use(cost=cost)) == [False]
    assert admitted(counters, use(), times=4) == [True, True, True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_counted_where_one_of_several_limits_refuses(counters: Counters) -> None:
    assert admitted(counters, use(A, 1)) == [True]
    assert admitted(counters, use(B, 2), use(A, 1), times=3) == [False] * 3
    assert admitted(counters, use(B, 2), use(C, 9), times=3) == [True, True, False]
    assert counters.take([use(C, 9)])[1][0].current == 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_windows_say_what_is_used(counters: Counters) -> None:
    _, (first,) = counters.take([use()])
    _, (second,) = counters.take([use(cost=2)])
    is_admitted, (third,) = counters.take([use()])
    assert (first.current, second.current, third.current, is_admitted) == (1, 3, 3, False)
    assert first.start == second.start == third.start
    assert first.start <= first.now <= second.now <= third.now < first.now + 60


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_back_can_be_used_again(counters: Counters) -> None:
    uses = [use(A, 1), use(B, 1)]
    _, windows = counters.take(uses)
    counters.give_back(uses, windows)
    assert admitted(counters, *uses, times=2) == [True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_given_back_of_a_key_that_is_gone_makes_no_room(counters: Counters) -> None:
    counters.give_back([use()], [Window(1.0, 0, 1, 1.0)])
    assert admitted(counters, use(), times=4) == [True, True, True, False]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("amount", [1, 10**12])
@pytest.mark.parametrize("seconds", [1, 366 * 86_400])
def test_limits_of_any_size_are_kept(counters: Counters, amount: int, seconds: int) -> None:
    is_admitted, (window,) = counters.take([use(amount=amount, seconds=seconds, cost=amount)])
    assert is_admitted
    assert window.current == amount
    assert counters.take([use(amount=amount, seconds=366 * 86_400)])[1][0].used(366 * 86_400) >= 0


# -- time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def local_counters(kind: str, directory: Path, clock: Clock) -> Counters:
    """Counters that go by a clock of the test; Redis goes by its own."""
    if kind == "memory":
        return MemoryCounters(clock=clock)
    return SQLiteCounters(directory / "limits.db", clock=clock)


LOCAL_KINDS = ["memory", "sqlite"]


@pytest.mark.parametrize("kind", LOCAL_KINDS)
def test_the_window_before_counts_as_much_as_it_covers(kind: str, tmp_path: Path, clock: Clock) -> None:
    counters = local_counters(kind, tmp_path, clock)
    of_limit = use(amount=100, seconds=60)
    assert admitted(counters, use(amount=100, seconds=60, cost=100)) == [True]
    found = {}
    for seconds in (59.9, 60.1, 75, 90, 119.9, 179):
        clock.time = 1000 + seconds
        found[seconds] = sum(admitted(counters, of_limit, times=101))
    # A quarter of the window before has left it after 75 s, a half after 90 s; what came then counts as well.
    assert found == {59.9: 0, 60.1: 1, 75: 24, 90: 25, 119.9: 50, 179: 99}


@pytest.mark.parametrize("kind", LOCAL_KINDS)
def test_after_two_windows_nothing_counts(kind: str, tmp_path: Path, clock: Clock) -> None:
    counters = local_counters(kind, tmp_path, clock)
    assert admitted(counters, use(seconds=60), times=3) == [True] * 3
    clock.time += 120
    assert admitted(counters, use(seconds=60), times=4) == [True, True, True, False]


@pytest.mark.parametrize("kind", LOCAL_KINDS)
def test_it_says_when_there_is_room_again(kind: str, tmp_path: Path, clock: Clock) -> None:
    counters = local_counters(kind, tmp_path, clock)
    for cost, room in [(1, 9), (4, 6), (10, 0)]:
        assert admitted(counters, use(B, 10, 60, 10)) == [True]
        is_admitted, (window,) = counters.take([use(B, 10, 60, cost)])
        wait = window.seconds_until(room, 60)
        assert not is_admitted
        clock.time += wait - 0.01
        assert admitted(counters, use(B, 10, 60, cost)) == [False]
        clock.time += 0.02
        assert admitted(counters, use(B, 10, 60, cost)) == [True]
        clock.time += 1000


@pytest.mark.parametrize("kind", LOCAL_KINDS)
def test_what_is_given_back_of_the_window_before_makes_room(kind: str, tmp_path: Path, clock: Clock) -> None:
    counters = local_counters(kind, tmp_path, clock)
    _, windows = counters.take([use(amount=10, seconds=60, cost=10)])
    clock.time += 60
    assert admitted(counters, use(amount=10, seconds=60)) == [False]
    clock.time += 6.1
    assert admitted(counters, use(amount=10, seconds=60)) == [True]
    counters.give_back([use(amount=10, seconds=60, cost=10)], windows)
    assert admitted(counters, use(amount=10, seconds=60), times=10) == [True] * 9 + [False]


class Model:
    """The rule of the window that slides, for one key, with every admitted use written down."""

    def __init__(self, amount: int, seconds: int) -> None:
        self.amount = amount
        self.seconds = seconds
        self.begin: float | None = None
        self.uses: dict[int, tuple[float, int]] = {}

    def fits(self, now: float, cost: int) -> bool:
        if self.begin is None or now >= self.begin + 2 * self.seconds:
            self.begin = now
        elif now >= self.begin + self.seconds:
            self.begin += self.seconds
        current = sum(cost for at, cost in self.uses.values() if at >= self.begin)
        before = sum(cost for at, cost in self.uses.values() if self.begin - self.seconds <= at < self.begin)
        covered = 1 - (now - self.begin) / self.seconds
        return int(before * covered) + current + cost <= self.amount


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([1, 7, 8, 16, 32, 64, 4096])),  # sixteenths of a second
        st.tuples(st.just("take"), st.sets(st.sampled_from("abc"), min_size=1), st.integers(1, 4)),
        st.tuples(st.just("give back"), st.integers(0, 5)),
    ),
    max_size=40,
)


@given(STEPS)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@pytest.mark.parametrize("kind", LOCAL_KINDS)
def test_it_is_as_the_model_says(
    kind: str, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[object, ...]]
) -> None:
    clock = Clock()
    counters = local_counters(kind, tmp_path_factory.mktemp("counters"), clock)
    models = {"a": Model(3, 1), "b": Model(5, 2), "c": Model(4, 4)}
    taken: list[tuple[list[str], list[Use], list[Window]]] = []
    for what, *arguments in steps:
        if what == "wait":
            clock.time += int(str(arguments[0])) / 16
        elif what == "take":
            names, cost = sorted(arguments[0]), int(str(arguments[1]))  # type: ignore[call-overload]
            uses = [
                use(name.encode() * 16, models[name].amount, models[name].seconds, cost) for name in names
            ]
            fits = [models[name].fits(clock.time, cost) for name in names]
            is_admitted, windows = counters.take(uses)
            assert is_admitted == all(fits)
            if is_admitted:
                taken.append((names, uses, windows))
                for name in names:
                    models[name].uses[len(taken)] = clock.time, cost
        elif taken and int(str(arguments[0])) < len(taken):
            index = int(str(arguments[0]))
            names, uses, windows = taken[index]
            if all(index + 1 in models[name].uses for name in names):
                counters.give_back(uses, windows)
                for name in names:
                    del models[name].uses[index + 1]
    counters.close()


@given(st.floats(0, 1e10), st.integers(1, 366 * 86_400))
def test_a_window_that_begins_lasts_no_longer_than_it_does(now: float, seconds: int) -> None:
    assert Window(now, 0, 1, now).ends_in(seconds) == seconds


# -- several threads and processes

TAKE_ALL = """
import json, sys
from apiroutes.stores.memory_counters import MemoryCounters
from apiroutes.stores.redis_counters import RedisCounters
from apiroutes.stores.sqlite_counters import SQLiteCounters
from apiroutes.stores.counters import Use
from apiroutes.stores import redis_connections, sqlite_pool
redis_connections._TIME = sqlite_pool.BUSY_TIME = 10.0
counters = eval(sys.argv[1])
sys.stdin.readline()
uses = [Use(b"a" * 16, 500, 3600, 1), Use(b"b" * 16, 10000, 3600, 1)]
found = [sum(counters.take(of_one)[0] for _ in range(500)) for of_one in (uses[:1], uses)]
print(json.dumps(found))
"""


@pytest.mark.parametrize("kind", SHARED_KINDS)
def test_four_processes_admit_exactly_the_limit(place: str, counters: Counters) -> None:
    command = [sys.executable, "-c", TAKE_ALL, place]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    single, both = map(sum, zip(*found))
    assert single + both == 500
    # What the first limit has refused was not counted by the second one.
    assert counters.take([use(B, 10_000)])[1][0].current == both + 1


@pytest.mark.parametrize("kind", KINDS)
def test_threads_admit_exactly_the_limit(counters: Counters) -> None:
    found: list[int] = []

    def take() -> None:
        found.append(sum(admitted(counters, use(amount=100), times=100)))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(found) == 100


def test_a_fork_counts_with_its_parent(tmp_path: Path) -> None:
    counters = SQLiteCounters(tmp_path / "limits.db")
    assert admitted(counters, use(amount=10), times=2) == [True] * 2
    child = os.fork()
    if child == 0:
        os._exit(sum(admitted(counters, use(amount=10), times=5)))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
    assert sum(admitted(counters, use(amount=10), times=10)) == 3


# -- memory and disk


def keys(number: int, first: int = 0) -> Iterator[bytes]:
    return (index.to_bytes(16, "big") for index in range(first, first + number))


def test_memory_forgets_what_has_ended(clock: Clock) -> None:
    counters = MemoryCounters(clock=clock)
    for round in range(20):
        for key in keys(1000, 1000 * round):
            counters.take([use(key, seconds=60)])
        clock.time += 120
    assert len(counters._windows) <= 2001


def test_memory_is_bounded_whatever_comes(clock: Clock) -> None:
    counters = MemoryCounters(clock=clock, most_keys=500)
    for key in keys(5000):
        counters.take([use(key)])
    assert len(counters._windows) <= 500
    # Those go first that end first, and not what has come last.
    assert admitted(counters, use((4999).to_bytes(16, "big"), 1)) == [False]


def rows(path: Path) -> int:
    with sqlite3.connect(path) as connection:
        (number,) = connection.execute("SELECT count(*) FROM windows").fetchone()
    connection.close()
    return int(number)


def test_a_file_forgets_what_has_ended(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "limits.db"
    counters = SQLiteCounters(path, clock=clock)
    for round in range(10):
        for key in keys(1000, 1000 * round):
            counters.take([use(key, seconds=60)])
        clock.time += 120
    assert rows(path) < 3000


def test_a_file_is_bounded_whatever_comes(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "limits.db"
    counters = SQLiteCounters(path, clock=clock, most_bytes=100_000)
    for key in keys(20_000):
        counters.take([use(key)])
    counters.close()
    assert path.stat().st_size < 300_000


def test_a_window_that_began_anew_is_not_forgotten(tmp_path: Path, clock: Clock) -> None:
    """It had ended when it was looked at, and not when it was to be removed."""
    counters = SQLiteCounters(tmp_path / "limits.db", clock=clock)
    assert admitted(counters, use(amount=150, seconds=60), times=2) == [True] * 2
    clock.time += 120
    assert sum(admitted(counters, use(amount=150, seconds=60), times=300)) == 150


def test_the_file_is_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / ".apiroutes" / "limits.db"
    SQLiteCounters(path).take([use()])
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("limits.db*")} == {0o600}


def test_nothing_is_opened_before_the_first_use(tmp_path: Path) -> None:
    SQLiteCounters(tmp_path / "directory" / "limits.db")
    assert not list(tmp_path.iterdir())


# -- faults


def _damage(path: Path) -> None:
    path.write_bytes(b"nonsense" * 1000)


def _remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [_damage, _remove])
def test_a_file_that_is_damaged_or_gone_is_made_anew(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = tmp_path / "limits.db"
    first = SQLiteCounters(path)
    assert admitted(first, use(), times=4) == [True, True, True, False]
    first.close()
    harm(path)
    second = SQLiteCounters(path)
    assert admitted(second, use(), times=4) == [True, True, True, False]


def test_a_locked_file_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "limits.db"
    counters = SQLiteCounters(path)
    counters.take([use()])
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            counters.take([use()])
        other.execute("ROLLBACK")
    other.close()
    assert admitted(counters, use()) == [True]


def test_a_file_of_another_application_is_a_store_error(tmp_path: Path) -> None:
    path = tmp_path / "limits.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE a (b)")
    other.close()
    with pytest.raises(StoreError, match="another application; remove it"):
        SQLiteCounters(path).take([use()])


@pytest.mark.parametrize("content", [b"nonsense", b"", b"1 2", b"-1 2 3", b"99999999999999999999 1 1"])
def test_what_another_program_has_written_counts_nothing(redis: RedisServer, content: bytes) -> None:
    prefix = f"test{next(_prefixes)}"
    with client.Redis(port=redis.port) as raw:
        raw.set(f"{prefix}:limits:".encode() + A, content)
        counters = RedisCounters(redis.patient_url, prefix)
        assert admitted(counters, use(), times=4)[-1] is False
        assert 0 < raw.pttl(f"{prefix}:limits:".encode() + A) <= 2 * HOUR * 1000
        counters.close()


def test_a_key_of_another_type_counts_nothing(redis: RedisServer) -> None:
    prefix = f"test{next(_prefixes)}"
    with client.Redis(port=redis.port) as raw:
        raw.lpush(f"{prefix}:limits:".encode() + A, "x")
        counters = RedisCounters(redis.patient_url, prefix)
        assert admitted(counters, use(), times=4) == [True, True, True, False]
        counters.close()


@pytest.mark.parametrize("ago", [-7200, -1, 0, 1800, 5400, 7199])
def test_redis_moves_windows_by_its_own_clock(redis: RedisServer, ago: int) -> None:
    """A window that begins later than now is what a clock that was set back leaves: it begins now."""
    prefix = f"test{next(_prefixes)}"
    with client.Redis(port=redis.port) as raw:
        seconds, microseconds = raw.time()
        start = (seconds - ago) * 1_000_000 + microseconds
        raw.set(f"{prefix}:limits:".encode() + A, f"{start} 100 50")
        counters = RedisCounters(redis.patient_url, prefix)
        found = sum(admitted(counters, use(amount=200), times=300))
        counters.close()
    expected = {-7200: 50, -1: 50, 0: 50, 1800: 100, 5400: 175, 7199: 200}[ago]
    assert expected <= found <= expected + 1
