"""A handler's computation for the store: deadlines, work after the response, errors, and what tells of it."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from apiroutes.cache.targets import Target, digest, variant_key
from apiroutes.stores import Lease
from tests.cache.route_cases import INTERFACES, KINDS, NOT_HOT, Clock, Routed, get_of, routed, said
from tests.support import until

both = pytest.mark.parametrize("interface", INTERFACES)

# -- maxDuration ---------------------------------------------------------------------------------

# A handler whose first run waits until its test lets it go on.
SLOW = """
config = {'cache': {'revalidate': 60, 'stale': 600}, 'maxDuration': 0.2}
gate = threading.Event()
def GET(req, res):
    seen.append('ran')
    number = len(seen)
    if number == HANGS:
        gate.wait(20)
        LATE
    return {'n': number}
"""


class Slow:
    """An App whose handler hangs in one of its runs."""

    def __init__(
        self, root: Path, interface: str, late: str = "pass", hangs: int = 1, kind: str = "def"
    ) -> None:
        source = SLOW.replace("HANGS", str(hangs)).replace("LATE", late)
        if kind == "async def":
            source = source.replace("def GET", "async def GET").replace(
                "gate.wait(20)", "await asyncio.to_thread(gate.wait, 20)"
            )
        self.routed = routed(root, source, interface, **NOT_HOT)
        module = self.routed.app.resources["pages/api/x.py"].module
        assert module is not None
        self.gate: threading.Event = module.handlers["GET"].function.__globals__["gate"]


@pytest.fixture
def opened() -> Iterator[list[Slow]]:
    """Apps of a test, whose handlers go on when it has ended."""
    made: list[Slow] = []
    yield made
    for slow in made:
        slow.gate.set()


@both
@pytest.mark.parametrize("kind", KINDS)
def test_after_a_504_the_next_request_computes_at_once(
    tmp_path: Path, interface: str, kind: str, opened: list[Slow]
) -> None:
    opened.append(Slow(tmp_path, interface, kind=kind))
    app = opened[0].routed
    answers = [app.get(), app.get(), app.get()]
    assert [answer.status for answer in answers] == [504, 200, 200]
    assert [*map(said, answers)] == ["fwd=uri-miss; detail=error", "fwd=uri-miss; stored", "hit"]
    assert answers[0].header("Cache-Control") == "no-store"
    assert answers[1].json() == answers[2].json() == {"n": 2}


LATE = {
    "returns": "pass",
    "raises": "raise ValueError('late')",
    "responds": "res.json(1)",
    "sets a header": "res.set_header('X-A', 'b')",
    "reads a header": "req.headers.get('X-A')",
    "touches what middleware may have set": "req.user",
    "catches what refuses it": "try: res.json(1)\n        except Exception: pass",
}


@both
@pytest.mark.parametrize("late", LATE)
def test_a_late_handler_changes_nothing_that_is_stored(
    tmp_path: Path, interface: str, late: str, opened: list[Slow]
) -> None:
    opened.append(slow := Slow(tmp_path, interface, LATE[late]))
    app = slow.routed
    assert app.get().status == 504
    stored = app.get()
    assert said(stored) == "fwd=uri-miss; stored"
    assert is_computing()
    slow.gate.set()
    until(lambda: not is_computing())
    answer = app.get()
    assert (said(answer), answer.json()) == ("hit", stored.json())


def is_computing() -> bool:
    """Return whether a thread of this process computes for the store."""
    return any(map(_is_for_store, sys._current_frames().values()))


def _is_for_store(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.endswith("apiroutes/cache/flight.py"):
        frame = frame.f_back
    return frame is not None


@both
def test_the_time_of_those_who_wait_counts(tmp_path: Path, interface: str) -> None:
    """One that waits for a computation gets its 504, and leaves the lease to its owner."""
    declared = "config = {'cache': {'revalidate': 60}, 'maxDuration': 0.2}"
    app = routed(tmp_path, get_of(declared=declared), interface)
    lease = lease_of(app)
    answer = app.get()
    assert (answer.status, said(answer)) == (504, "fwd=uri-miss; detail=error")
    app.app.cache.store.release(lease)
    until(lambda: not is_computing())
    assert app.seen == []
    assert [*map(said, [app.get(), app.get()])] == ["fwd=uri-miss; stored", "hit"]


def lease_of(app: Routed) -> Lease:
    """Take the lease on /api/x, as another worker would."""
    target = Target("http", "localhost", "", "/api/x", "", ("api", "x"))
    key = digest(variant_key(target.key(app.app.cache.release), (), ()))
    lease = app.app.cache.store.lease(key, (), 60)
    assert lease is not None
    return lease


@both
def test_a_recomputation_has_the_deadline_too(
    tmp_path: Path, interface: str, opened: list[Slow], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    opened.append(slow := Slow(tmp_path, interface, hangs=2))
    app = slow.routed
    app.get()
    clock.step(61)
    assert app.get().json() == {"n": 1}
    until(lambda: "maxDuration, 0.2 s" in caplog.text)
    until(partial(app.has_run, 2))
    clock.step(2)
    assert app.get().json() == {"n": 1}
    until(lambda: app.get().json() == {"n": 3})


# -- errors, and work after the response ---------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@both
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("lines", "calls"),
    [
        (("after(lambda: seen.append('after'))", "return 1"), 1),
        (("after(lambda: seen.append('after'))", "return res.status(500).json(1)"), 0),
        (("after(lambda: seen.append('after'))", "raise ValueError('broken')"), 0),
        (("after(lambda: seen.append('after'), always=True)", "raise ValueError('broken')"), 1),
        (("after(lambda: seen.append('after'))", "req.user = req.user", "return 1"), 2),
    ],
)
def test_work_after_the_response_is_done_for_those_that_compute(
    tmp_path: Path, interface: str, kind: str, lines: tuple[str, ...], calls: int
) -> None:
    files = {
        "pages/api/_middleware.py": "def middleware(req, res, next):\n    req.user = 1\n    return next()\n"
    }
    app = routed(tmp_path, get_of(*lines, kind=kind), interface, files=files)
    app.get()
    until(lambda: app.app.work_pool is not None)
    app.app.work_pool.drain(20)
    assert app.seen.count("after") == calls


@both
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("middleware", ["", "def middleware(req, res, next):\n    return next()\n"])
def test_a_fault_is_observed_once(
    tmp_path: Path, interface: str, kind: str, middleware: str, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"pages/api/_middleware.py": middleware} if middleware else {}
    files["instrumentation.py"] = (
        "def on_request_error(error, request, context):\n    noted.append(str(error))\nnoted = []\n"
    )
    app = routed(tmp_path, get_of("raise ValueError('broken')", kind=kind), interface, files=files)
    assert app.get().status == 500
    assert [record.levelname for record in caplog.records] == ["ERROR"]


# -- what tells of it ----------------------------------------------------------------------------


def test_a_log_line_of_a_recomputation_has_its_route(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    source = get_of("import logging; logging.getLogger('own').warning('computed %s', len(seen))", "return 1")
    app = routed(tmp_path, source, log_format="json", **NOT_HOT)
    app.get()
    clock.step(61)
    app.get()
    until(partial(app.has_run, 2))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    shown = [(line["message"], line.get("route")) for line in lines if line["message"].startswith("computed")]
    assert shown == [("computed 1", "/api/x"), ("computed 2", "/api/x")]
