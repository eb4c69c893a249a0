"""One computation for all that ask at once, and what those get that wait."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from apiroutes import revalidate_path
from apiroutes.cache.flight import Computation, Flight, Taken
from apiroutes.stores import Lease
from apiroutes.stores.memory import MemoryStore
from tests.cache.route_cases import INTERFACES, KINDS, NOT_HOT, Clock, Routed, get_of, routed, said
from tests.support import Answer, until

both = pytest.mark.parametrize("interface", INTERFACES)
stores = pytest.mark.parametrize("cache", ["memory", "sqlite"])

# A handler that waits for its test, if the query says so.
GATED = """
gate = threading.Event()
def wait():
    seen.append('began')
    gate.wait(20)
"""
ANSWER = (
    "number = seen.count('ran')",
    "if 'hold' in req.query and not gate.is_set(): WAIT",
    "return {'n': number}",
)


class Gated:
    """An App whose handler waits until `open` is called, and requests to it in threads."""

    def __init__(
        self, root: Path, *lines: str, kind: str = "def", interface: str = "wsgi", **settings: Any
    ) -> None:
        wait = "wait()" if kind == "def" else "await asyncio.to_thread(wait)"
        source = GATED + get_of(*(line.replace("WAIT", wait) for line in lines or ANSWER), kind=kind)
        self.routed = routed(root, source, interface, **settings)
        self._threads: list[threading.Thread] = []
        module = self.routed.app.resources["pages/api/x.py"].module
        assert module is not None
        self._gate: threading.Event = module.handlers["GET"].function.__globals__["gate"]

    def send(self, target: str = "/api/x?hold", **request: Any) -> list[Answer]:
        """Send a request in a thread; return a list that will have its response."""
        answers: list[Answer] = []
        thread = threading.Thread(
            target=lambda: answers.append(self.routed.get(target, **request)), daemon=True
        )
        thread.start()
        self._threads.append(thread)
        return answers

    def has_begun(self, times: int = 1) -> bool:
        """Return whether handlers wait."""
        return self.routed.seen.count("began") == times

    def close(self) -> None:
        """Let the handlers wait again."""
        self._gate.clear()

    def open(self) -> None:
        """Let the handlers go on, and wait for all requests."""
        self._gate.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture
def gated() -> Iterator[Callable[..., Gated]]:
    """What makes such an App; all handlers go on when the test has ended."""
    made: list[Gated] = []

    def make(*arguments: Any, **named: Any) -> Gated:
        made.append(Gated(*arguments, **named))
        return made[-1]

    yield make
    for app in made:
        app.open()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@both
@stores
@pytest.mark.parametrize("kind", KINDS)
def test_all_that_ask_at_once_get_one_computation(
    tmp_path: Path, gated: Callable[..., Gated], cache: str, kind: str, interface: str
) -> None:
    app = gated(tmp_path, kind=kind, interface=interface, cache=cache)
    first = app.send()
    until(app.has_begun)
    # As many as may wait for long: half of the threads.
    others = [app.send(method=method) for method in ("GET", "HEAD", "GET")]
    app.open()
    assert [answer.json() for (answer,) in (first, others[0], others[2])] == [{"n": 1}] * 3
    assert said(first[0]) == "fwd=uri-miss; stored"
    assert {said(answer) for (answer,) in others} <= {"hit; collapsed", "hit"}
    assert app.routed.seen.count("ran") == 1


# What is said of the threads that answer, how many requests come at once, and how many of them compute.
WAITING = {
    "the setting": ({"threads": 8}, None, 8, 4),
    "the server": ({}, 8, 8, 4),
    "the setting before the server": ({"threads": 8}, 64, 8, 4),
    "one of the setting": ({"threads": 1}, 64, 3, 3),
    "one of the server": ({}, 1, 3, 3),
    "nobody": ({}, None, 12, 4),
}


@pytest.mark.parametrize("is_open", [False, True], ids=["at start", "while it serves"])
@pytest.mark.parametrize("name", WAITING)
def test_half_of_the_threads_may_wait_for_long(
    tmp_path: Path, gated: Callable[..., Gated], name: str, is_open: bool
) -> None:
    settings, server, requests, computed = WAITING[name]
    app = gated(tmp_path, **settings)
    if is_open:
        app.routed.get("/api/x")
    if server is not None:
        app.routed.app.cache.serve_with(server)
    answers = [app.send() for _ in range(requests)]
    until(lambda: app.has_begun(computed))  # and the others have places to wait
    app.open()
    assert app.routed.seen.count("began") == computed
    assert all(answer.status == 200 for (answer,) in answers)


@pytest.mark.parametrize(("settings", "requests"), [({}, 36), ({"threads": 8}, 8)])
def test_half_of_the_threads_of_an_event_loop_may_wait_for_long(
    tmp_path: Path, gated: Callable[..., Gated], settings: dict[str, int], requests: int
) -> None:
    """64, unless the setting says how many."""
    app = gated(tmp_path, interface="asgi", **settings)
    app.routed.get("/api/x")
    for _ in range(requests):
        app.send()
    until(lambda: app.has_begun(4))
    app.open()
    assert app.routed.seen.count("began") == 4


def test_a_place_to_wait_is_given_back(tmp_path: Path, gated: Callable[..., Gated]) -> None:
    app = gated(tmp_path, threads=8)
    for times in (1, 2):
        app.close()
        for _ in range(8):
            app.send(f"/api/x?hold={times}")
        until(partial(app.has_begun, 4 * times))
        app.open()
        assert app.routed.seen.count("began") == 4 * times


def test_other_keys_do_not_wait(tmp_path: Path, gated: Callable[..., Gated]) -> None:
    app = gated(tmp_path)
    app.send()
    until(app.has_begun)
    assert app.routed.get("/api/x").json() == {"n": 2}
    assert app.routed.get("/api/x?hold", {"Cookie": "a=b"}, method="OPTIONS").status in (200, 204)


def test_a_request_that_is_forwarded_does_not_wait(tmp_path: Path, gated: Callable[..., Gated]) -> None:
    source = ("if 'X-Free' not in req.headers and not gate.is_set(): WAIT", "return seen.count('ran')")
    app = gated(tmp_path, *source)
    app.send()
    until(app.has_begun)
    for headers in ({"Cookie": "a=b"}, {"Authorization": "a"}, {"Range": "bytes=0-0"}):
        assert app.routed.get("/api/x?hold", {**headers, "X-Free": "1"}).status == 200


@both
@stores
def test_after_a_revalidation_nobody_waits_for_what_began_before(
    tmp_path: Path, gated: Callable[..., Gated], cache: str, interface: str
) -> None:
    lines = (
        "number = seen.count('ran')",
        "if number == 1: WAIT",
        "return {'n': number}",
    )
    app = gated(tmp_path, *lines, interface=interface, cache=cache)
    old = app.send()
    until(app.has_begun)
    revalidate_path("/api/x")
    new = app.routed.get("/api/x?hold")
    assert (new.json(), said(new)) == ({"n": 2}, "fwd=uri-miss; stored")
    app.open()
    assert (old[0].json(), "stored" in str(said(old[0]))) == ({"n": 1}, False)
    assert app.routed.get("/api/x?hold").json() == {"n": 2}


@pytest.mark.parametrize("mode", ["expire", "stale"])
def test_what_was_computed_before_a_revalidation_is_not_stored(
    tmp_path: Path, gated: Callable[..., Gated], mode: Any
) -> None:
    app = gated(tmp_path)
    old = app.send()
    until(app.has_begun)
    revalidate_path("/api/x", mode=mode)
    app.open()
    assert said(old[0]) == "fwd=uri-miss"
    assert app.routed.get("/api/x?hold").json() == {"n": 2}


UNSTORED = {
    "an error": ("if seen.count('ran') == 1: WAIT", "raise ApiError(503)"),
    "a cookie": ("res.set_cookie('a', 'b')", "if seen.count('ran') == 1: WAIT", "return 1"),
    "a stream": ("if seen.count('ran') == 1: WAIT", "return iter(['a'])"),
    "a client": ("req.remote_addr", "if seen.count('ran') == 1: WAIT", "return 1"),
}


@both
@pytest.mark.parametrize("name", UNSTORED)
def test_those_who_have_waited_share_nothing_that_is_not_stored(
    tmp_path: Path, gated: Callable[..., Gated], name: str, interface: str
) -> None:
    app = gated(tmp_path, *UNSTORED[name], interface=interface)
    first = app.send()
    until(app.has_begun)
    others = [app.send() for _ in range(3)]
    app.open()
    assert app.routed.seen.count("ran") == 4
    assert ["collapsed" in str(said(answer)) for (answer,) in (first,)] == [False]
    assert all(answer.status == first[0].status for (answer,) in others)


@both
def test_while_a_key_passes_nobody_waits(tmp_path: Path, gated: Callable[..., Gated], interface: str) -> None:
    lines = (
        "if seen.count('ran') == 2: WAIT",
        "return res.status(404 if seen.count('ran') < 4 else 200).json(seen.count('ran'))",
    )
    app = gated(tmp_path, *lines, interface=interface)
    assert app.routed.get("/api/x?hold").status == 404
    app.send()
    until(app.has_begun)
    assert app.routed.get("/api/x?hold").status == 404
    stored = app.routed.get("/api/x?hold")
    assert (stored.status, said(stored)) == (200, "fwd=uri-miss; stored")
    assert said(app.routed.get("/api/x?hold")) == "hit"


def test_a_key_passes_for_ten_seconds(tmp_path: Path, gated: Callable[..., Gated], clock: Clock) -> None:
    lines = (
        "number = seen.count('ran')",
        "if number == 2: WAIT",
        "return res.status(404 if number == 1 else 200).json(number)",
    )
    app = gated(tmp_path, *lines, **NOT_HOT)
    assert app.routed.get("/api/x?hold").status == 404
    clock.step(11)
    first = app.send()
    until(app.has_begun)
    other = app.send()
    app.open()
    assert [answer[0].json() for answer in (first, other)] == [2, 2]


@both
def test_a_wait_ends_with_the_setting(tmp_path: Path, gated: Callable[..., Gated], interface: str) -> None:
    app = gated(
        tmp_path,
        "if seen.count('ran') == 1: WAIT",
        "return seen.count('ran')",
        interface=interface,
        cache_lock_timeout=0.05,
    )
    app.send()
    until(app.has_begun)
    answer = app.routed.get("/api/x?hold")
    assert (answer.json(), said(answer)) == (2, "fwd=uri-miss; stored; collapsed")


@stores
def test_many_stale_requests_are_one_recomputation(
    tmp_path: Path, gated: Callable[..., Gated], clock: Clock, cache: str
) -> None:
    lines = ("if seen.count('ran') == 2: WAIT", "return seen.count('ran')")
    app = gated(tmp_path, *lines, cache=cache, **NOT_HOT)
    app.routed.get("/api/x?hold")
    clock.step(61)
    assert [app.routed.get("/api/x?hold").json() for _ in range(20)] == [1] * 20
    until(app.has_begun)
    assert app.routed.seen.count("ran") == 2
    app.open()
    until(lambda: app.routed.get("/api/x?hold").json() == 2)


class _Overtaken(MemoryStore):
    """A store that does something else before it gives the next lease, once."""

    first: Callable[[], object] = staticmethod(lambda: None)

    def lease(self, *arguments: Any, **named: Any) -> Lease | None:
        first, self.first = self.first, lambda: None
        first()
        return super().lease(*arguments, **named)


def test_what_was_computed_anew_between_a_look_and_a_lease_is_served() -> None:
    store = _Overtaken(max_entries=10, max_size=10_000)
    flight = Flight(store, 1, 2)

    def look() -> Taken:
        return flight.take(lambda: b"key", ["name"], partial(_computation, "new"))

    def compute_anew() -> None:
        lease = store.lease(b"key", ["name"], 10)
        assert lease is not None
        flight.refresh(lease, ["name"], partial(_computation, "new"))

    flight.take(lambda: b"key", ["name"], partial(_computation, "old"))
    store.bump("name", "stale")
    store.first = compute_anew
    taken = look()
    assert taken.entry is not None
    assert (taken.entry.content, taken.lease) == (b"new", None)
    assert store.stats()["leases"] == 0


def _computation(value: str, lease: Lease | None, reason: str) -> Computation:
    return Computation(value, b"key", value.encode(), ("name",), fresh=60, stale=60)


def test_the_end_of_a_computation_is_the_end_of_its_lease(tmp_path: Path) -> None:
    source = get_of(
        "if 'error' in req.query: raise ValueError()",
        "if 'exit' in req.query: raise SystemExit(1)",
        "if 'user' in req.query: req.user",
        "return 1",
    )
    app: Routed = routed(tmp_path, source)
    for query in ("", "error", "user", "exit"):
        with contextlib.suppress(SystemExit):
            app.get(f"/api/x?{query}")
        assert app.app.cache.store.stats()["leases"] == 0
