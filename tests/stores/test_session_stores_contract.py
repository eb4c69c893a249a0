"""What every store of sessions keeps to: the facts of `apiroutes/stores/session_store.py`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from apiroutes.stores.session_store import MOST_BYTES, Lifetime, SessionStore, SessionTooLarge
from tests.stores.kinds import eventually
from tests.stores.session_kinds import LONG, SESSION_KINDS, SessionStoreOpener, loaded, values_of

KEY, OTHER, NEW = b"k" * 16, b"o" * 16, b"n" * 16
MIB = 1024 * 1024


@pytest.fixture(params=SESSION_KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(open_session_store: SessionStoreOpener) -> SessionStore:
    return open_session_store()


# -- values


def test_there_is_no_session_before_one_begins(store: SessionStore) -> None:
    assert store.load(KEY, LONG) is None


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": b""},
        {"a": b"1", "b": b'"two"', "": b"nameless"},
        {"a": bytes(range(256)), "b": b"\r\n$3\r\n", "c": b"\0"},
        {"begun": b"1", "owner": b"2", "end": b"3", "size": b"4", "values": b"5", "=": b"6", "=a": b"7"},
        dict.fromkeys(["ü", "\x00", "a b", "*", "{a}", "😀", "�", "x" * 10000, "\r\n"], b"1"),
        {str(number): b"%d" % number for number in range(3000)},
        {"large": b"x" * 500_000},
    ],
)
def test_values_come_back_as_they_were(store: SessionStore, values: dict[str, bytes]) -> None:
    store.begin(OTHER, {"other": b"x"}, LONG)
    store.begin(KEY, values, LONG)
    assert values_of(store, KEY) == values
    assert values_of(store, OTHER) == {"other": b"x"}


@pytest.mark.parametrize("key", [b"\0", b" ", b"*", b"a:b", b"{a}", bytes(range(256)), b"k" * 1000])
def test_a_key_is_any_bytes(store: SessionStore, key: bytes) -> None:
    store.begin(key, {"a": b"1"}, LONG)
    store.begin(key + b"\0", {"a": b"2"}, LONG)
    assert values_of(store, key) == {"a": b"1"}
    assert values_of(store, key + b"\0") == {"a": b"2"}


MERGES: dict[str, tuple[dict[str, bytes], list[str], dict[str, bytes]]] = {
    "nothing": ({}, [], {"a": b"1", "b": b"2"}),
    "a change": ({"a": b"3"}, [], {"a": b"3", "b": b"2"}),
    "another value": ({"c": b"3"}, [], {"a": b"1", "b": b"2", "c": b"3"}),
    "one that goes": ({}, ["a"], {"b": b"2"}),
    "all that go": ({}, ["a", "b"], {}),
    "one that is not there": ({}, ["c"], {"a": b"1", "b": b"2"}),
    "a name in both": ({"a": b"3"}, ["a"], {"a": b"3", "b": b"2"}),
    "an exchange": ({"c": b"3"}, ["a"], {"b": b"2", "c": b"3"}),
    "odd names": ({"\udc80": b"3", "": b"4"}, ["b"], {"a": b"1", "\udc80": b"3", "": b"4"}),
}


@pytest.mark.parametrize("merge", MERGES)
def test_a_merge_writes_some_values_and_removes_others(store: SessionStore, merge: str) -> None:
    changed, removed, after = MERGES[merge]
    begun = store.begin(KEY, {"a": b"1", "b": b"2"}, LONG, "owner")
    assert store.merge(KEY, changed, removed, LONG)
    session = loaded(store, KEY)
    assert dict(session.values) == after
    assert session.owner == "owner"
    assert session.begun == pytest.approx(begun)


def test_what_was_loaded_stays_as_it_was(store: SessionStore) -> None:
    store.begin(KEY, {"a": b"1"}, LONG)
    before = loaded(store, KEY)
    store.merge(KEY, {"a": b"2"}, [], LONG)
    assert dict(before.values) == {"a": b"1"}


def test_values_are_kept_as_they_were_given(store: SessionStore) -> None:
    values = {"a": b"1"}
    store.begin(KEY, values, LONG)
    values["a"] = b"2"
    assert values_of(store, KEY) == {"a": b"1"}


# -- the bound of a session


@pytest.mark.parametrize(("name", "length"), [("a", MIB - 1), ("ü", MIB - 2)])
def test_a_session_of_the_bound_is_kept(store: SessionStore, name: str, length: int) -> None:
    assert MOST_BYTES == MIB
    store.begin(KEY, {name: b"x" * length}, LONG)
    assert values_of(store, KEY) == {name: b"x" * length}


@pytest.mark.parametrize(("name", "length"), [("a", MIB), ("ü", MIB - 1), ("x" * MIB, 1)])
def test_a_session_above_the_bound_does_not_begin(store: SessionStore, name: str, length: int) -> None:
    with pytest.raises(SessionTooLarge, match="1 MiB at most"):
        store.begin(KEY, {name: b"x" * length}, LONG)
    assert store.load(KEY, LONG) is None


def test_a_merge_beyond_the_bound_writes_nothing(store: SessionStore) -> None:
    store.begin(KEY, {"a": b"x" * 600_000, "b": b"1"}, LONG)
    with pytest.raises(SessionTooLarge, match="1 MiB at most"):
        store.merge(KEY, {"b": b"2", "c": b"x" * 600_000}, [], LONG)
    assert values_of(store, KEY) == {"a": b"x" * 600_000, "b": b"1"}


def test_the_bound_counts_what_is_there_after_a_merge(store: SessionStore) -> None:
    store.begin(KEY, {"a": b"x" * 1_000_000}, LONG)
    for number in range(5):
        assert store.merge(KEY, {"a": b"%d" % number * 1_000_000}, [], LONG)
        assert store.merge(KEY, {"b": b"x" * 1_000_000}, ["a"], LONG)
        assert store.merge(KEY, {"a": b"1"}, ["b"], LONG)
    assert values_of(store, KEY) == {"a": b"1"}


# -- the end of one session


def test_an_ended_session_is_gone(store: SessionStore) -> None:
    store.begin(KEY, {"a": b"1"}, LONG, "owner")
    store.begin(OTHER, {"a": b"2"}, LONG, "owner")
    store.end(KEY)
    assert store.load(KEY, LONG) is None
    assert values_of(store, OTHER) == {"a": b"2"}


def test_an_ended_session_stays_so(store: SessionStore) -> None:
    store.begin(KEY, {"a": b"1"}, LONG, "owner")
    store.end(KEY)
    assert not store.merge(KEY, {"a": b"2"}, [], LONG)
    assert not store.rename(KEY, NEW, "owner", LONG)
    assert store.load(KEY, LONG) is None
    assert store.load(NEW, LONG) is None
    assert store.end_all("owner") == 0


def test_the_end_of_a_session_that_is_not_there_is_no_error(store: SessionStore) -> None:
    store.end(KEY)


# -- another key


def test_a_renamed_session_is_under_its_new_key_alone(store: SessionStore) -> None:
    store.begin(KEY, {"a": b"1", "b": b"2"}, LONG)
    assert store.rename(KEY, NEW, "owner", LONG)
    session = loaded(store, NEW)
    assert (dict(session.values), session.owner) == ({"a": b"1", "b": b"2"}, "owner")
    assert store.load(KEY, LONG) is None
    assert not store.merge(KEY, {"a": b"3"}, [], LONG)
    assert not store.rename(KEY, OTHER, None, LONG)
    store.end(KEY)
    assert values_of(store, NEW) == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize(
    ("owner", "new_owner", "after"),
    [(None, None, None), (None, "b", "b"), ("a", None, "a"), ("a", "b", "b"), ("a", "a", "a"), ("a", "", "")],
)
def test_a_renamed_session_has_the_owner_that_is_named(
    store: SessionStore, owner: str | None, new_owner: str | None, after: str | None
) -> None:
    store.begin(KEY, {}, LONG, owner)
    assert store.rename(KEY, NEW, new_owner, LONG)
    assert loaded(store, NEW).owner == after
    counts = {name: store.end_all(name) for name in ("a", "b", "")}
    assert counts == {name: int(name == after) for name in ("a", "b", "")}
    assert (store.load(NEW, LONG) is None) == (after is not None)


def test_a_session_may_be_renamed_again_and_again(store: SessionStore) -> None:
    store.begin(b"0", {"a": b"1"}, LONG)
    for number in range(5):
        assert store.rename(b"%d" % number, b"%d" % (number + 1), f"owner {number}", LONG)
    assert values_of(store, b"5") == {"a": b"1"}
    assert [store.end_all(f"owner {number}") for number in range(5)] == [0, 0, 0, 0, 1]


def test_a_session_renamed_to_its_own_key_stays(store: SessionStore) -> None:
    store.begin(KEY, {"a": b"1"}, LONG, "owner")
    assert store.rename(KEY, KEY, None, LONG)
    assert values_of(store, KEY) == {"a": b"1"}
    assert store.end_all("owner") == 1


# -- every session of an owner

OWNERS = ["owner", "", "ü", "a:b", "{a}", "*", "\0", "\udc80", "\U0001f600", "x" * 100_000, "a\r\nb", "1"]


@pytest.mark.parametrize("owner", OWNERS)
def test_an_owner_is_any_text(store: SessionStore, owner: str) -> None:
    store.begin(KEY, {}, LONG, owner)
    store.begin(OTHER, {}, LONG, owner + "x")
    assert loaded(store, KEY).owner == owner
    assert store.end_all(owner) == 1
    assert store.load(KEY, LONG) is None
    assert loaded(store, OTHER).owner == owner + "x"


def test_all_sessions_of_an_owner_end(store: SessionStore) -> None:
    keys = [b"%d" % number for number in range(300)]
    for key in keys:
        store.begin(key, {"a": b"1"}, LONG, "owner")
    store.begin(b"renamed", {}, LONG)
    store.rename(b"renamed", b"renamed 2", "owner", LONG)
    store.begin(KEY, {}, LONG)
    store.begin(OTHER, {}, LONG, "another")
    store.end(keys[0])
    assert store.end_all("owner") == 300
    assert [key for key in [*keys, b"renamed 2"] if store.load(key, LONG) is not None] == []
    assert not store.merge(keys[1], {"a": b"2"}, [], LONG)
    assert not store.rename(keys[1], NEW, None, LONG)
    assert store.end_all("owner") == 0
    assert store.load(KEY, LONG) is not None
    assert store.load(OTHER, LONG) is not None


def test_an_owner_may_sign_in_again_after_all_has_ended(store: SessionStore) -> None:
    store.begin(KEY, {}, LONG, "owner")
    store.end_all("owner")
    store.begin(NEW, {"a": b"1"}, LONG, "owner")
    assert values_of(store, NEW) == {"a": b"1"}
    assert store.end_all("owner") == 1


def test_sessions_that_have_ended_by_time_are_not_counted(store: SessionStore) -> None:
    short = Lifetime(0.05)
    store.begin(KEY, {}, short, "owner")
    store.begin(OTHER, {}, LONG, "owner")
    eventually(lambda: store.load(KEY, short) is None)
    assert store.end_all("owner") == 1


# -- times


def test_a_session_tells_when_it_has_begun(store: SessionStore) -> None:
    before = time.time()
    begun = store.begin(KEY, {}, LONG)
    assert before - 1 < begun < time.time() + 1
    assert loaded(store, KEY).begun == pytest.approx(begun, abs=1e-3)


@pytest.mark.parametrize(
    "lifetime", [Lifetime(0.1), Lifetime(3600, 0.1), Lifetime(0.1, 3600), Lifetime(0.1, 0.1)]
)
@pytest.mark.parametrize("act", ["load", "merge", "rename"])
def test_a_session_ends_by_its_lifetime(store: SessionStore, lifetime: Lifetime, act: str) -> None:
    acts: dict[str, Callable[[], object]] = {
        "load": lambda: store.load(KEY, lifetime) is None,
        "merge": lambda: not store.merge(KEY, {"a": b"2"}, [], lifetime),
        "rename": lambda: not store.rename(KEY, NEW, None, lifetime),
    }
    store.begin(KEY, {"a": b"1"}, lifetime, "owner")
    time.sleep(0.11)
    assert acts[act]()
    assert store.load(KEY, LONG) is None
    assert store.load(NEW, LONG) is None


def test_a_session_in_use_outlives_its_idle_time(store: SessionStore) -> None:
    lifetime = Lifetime(3600, 1.0)
    used = [0.0]

    def is_used_long_enough() -> bool:
        moment = time.monotonic()
        session = store.load(KEY, lifetime)
        if session is None:  # at first, and where this machine has left it alone for half of the time
            assert not used[-1] or moment - used[-1] > 0.4
            store.begin(KEY, {"a": b"1"}, lifetime)
            used[:] = [moment]
        used.append(moment)
        return used[-1] - used[0] > 1.6

    eventually(is_used_long_enough)


def test_a_session_in_use_ends_with_its_whole_lifetime(store: SessionStore) -> None:
    lifetime = Lifetime(0.3, 3600)
    store.begin(KEY, {"a": b"1"}, lifetime)

    def has_ended() -> bool:
        store.merge(KEY, {"a": b"2"}, [], lifetime)
        return store.load(KEY, lifetime) is None

    eventually(has_ended)


def test_a_session_without_an_idle_time_has_its_whole_lifetime(store: SessionStore) -> None:
    store.begin(KEY, {}, Lifetime(3600))
    assert store.load(KEY, Lifetime(3600)) is not None
    assert store.merge(KEY, {}, [], Lifetime(3600))


def test_a_renamed_session_begins_anew(store: SessionStore) -> None:
    begun = store.begin(KEY, {}, Lifetime(3600))
    eventually(lambda: time.time() > begun + 0.3)
    assert store.rename(KEY, NEW, None, Lifetime(3600))
    assert loaded(store, NEW).begun > begun + 0.2


@pytest.mark.parametrize("act", ["load", "merge", "rename"])
@pytest.mark.parametrize("shorter", [Lifetime(0.1), Lifetime(3600, 0.1)])
def test_a_shorter_lifetime_of_now_counts(store: SessionStore, act: str, shorter: Lifetime) -> None:
    """As after a deploy that has changed it."""
    store.begin(KEY, {"a": b"1"}, LONG)
    time.sleep(0.11)
    acts: dict[str, Callable[[], object]] = {
        "load": lambda: store.load(KEY, shorter) is None,
        "merge": lambda: not store.merge(KEY, {}, [], shorter),
        "rename": lambda: not store.rename(KEY, NEW, None, shorter),
    }
    assert acts[act]()


@pytest.mark.parametrize("longer", [LONG, Lifetime(3600)])
def test_a_longer_lifetime_of_now_does_not_prolong_a_session(store: SessionStore, longer: Lifetime) -> None:
    store.begin(KEY, {}, Lifetime(0.3))
    assert store.merge(KEY, {"a": b"1"}, [], longer)
    assert store.load(KEY, longer) is not None
    eventually(lambda: store.load(KEY, longer) is None)


@pytest.mark.parametrize("longer", [LONG, Lifetime(3600)])
def test_a_session_in_use_gets_a_longer_idle_time_of_now(store: SessionStore, longer: Lifetime) -> None:
    store.begin(KEY, {}, Lifetime(3600, 0.4))
    assert store.load(KEY, longer) is not None
    time.sleep(0.5)
    assert store.load(KEY, longer) is not None


def test_a_lifetime_may_be_without_end(store: SessionStore) -> None:
    for whole in (float("inf"), 1e12):
        lifetime = Lifetime(whole)
        store.begin(KEY, {"a": b"1"}, lifetime, "owner")
        assert store.merge(KEY, {"b": b"2"}, [], lifetime)
        assert values_of(store, KEY, lifetime) == {"a": b"1", "b": b"2"}


# -- threads


def test_threads_that_merge_different_values_lose_none(store: SessionStore) -> None:
    store.begin(KEY, {}, LONG)
    errors: list[BaseException] = []

    def merge(thread: int) -> None:
        try:
            for number in range(50):
                assert store.merge(KEY, {f"{thread} {number}": b"1"}, [f"{thread} {number - 2}"], LONG)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=merge, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    values = values_of(store, KEY)
    assert values is not None
    assert sorted(values) == sorted(f"{thread} {number}" for thread in range(4) for number in (48, 49))


def test_a_store_is_used_again_after_it_was_closed(store: SessionStore) -> None:
    store.begin(KEY, {}, LONG)
    store.close()
    store.begin(OTHER, {"a": b"1"}, LONG)
    assert values_of(store, OTHER) == {"a": b"1"}


# -- against a model

names = st.one_of(st.sampled_from(["a", "b", "c", "d"]), st.text(max_size=3))
owners = st.one_of(st.none(), st.sampled_from(["x", "y", ""]))
some_values = st.dictionaries(names, st.binary(max_size=20), max_size=4)


class AgainstModel(RuleBasedStateMachine):
    """A store does what a dictionary would; keys that have ended are tried again, as by old cookies."""

    open_store: Callable[[], SessionStore]

    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.store = self.open_store()
        self.model: dict[bytes, tuple[dict[str, bytes], str | None]] = {}
        self.count = 0

    def new_key(self) -> bytes:
        self.count += 1
        return b"%d" % self.count

    @rule(target=keys, values=some_values, owner=owners)
    def begin(self, values: dict[str, bytes], owner: str | None) -> bytes:
        key = self.new_key()
        self.store.begin(key, values, LONG, owner)
        self.model[key] = dict(values), owner
        return key

    @rule(key=keys, changed=some_values, removed=st.sets(names, max_size=3))
    def merge(self, key: bytes, changed: dict[str, bytes], removed: set[str]) -> None:
        there = self.model.get(key)
        assert self.store.merge(key, changed, removed, LONG) == (there is not None)
        if there is not None:
            for name in removed:
                there[0].pop(name, None)
            there[0].update(changed)

    @rule(target=keys, key=keys, owner=owners)
    def rename(self, key: bytes, owner: str | None) -> bytes:
        new_key, there = self.new_key(), self.model.pop(key, None)
        assert self.store.rename(key, new_key, owner, LONG) == (there is not None)
        if there is not None:
            self.model[new_key] = there[0], there[1] if owner is None else owner
        return new_key

    @rule(key=consumes(keys))
    def end(self, key: bytes) -> None:
        self.store.end(key)
        self.model.pop(key, None)

    @rule(owner=st.sampled_from(["x", "y", "", "z"]))
    def end_all(self, owner: str) -> None:
        ended = [key for key, (_, its_owner) in self.model.items() if its_owner == owner]
        assert self.store.end_all(owner) == len(ended)
        for key in ended:
            del self.model[key]

    @rule(key=keys)
    def load(self, key: bytes) -> None:
        session = self.store.load(key, LONG)
        found = None if session is None else (dict(session.values), session.owner)
        assert found == self.model.get(key)

    @invariant()
    def has_all(self) -> None:
        for number in range(1, self.count + 1):
            self.load(b"%d" % number)

    def teardown(self) -> None:
        self.store.close()


def test_a_store_does_what_its_model_does(open_session_store: SessionStoreOpener) -> None:
    numbers: Iterator[int] = iter(range(10**6))

    class Machine(AgainstModel):
        @staticmethod
        def open_store() -> SessionStore:
            return open_session_store(next(numbers))

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
