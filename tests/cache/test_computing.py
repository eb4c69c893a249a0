"""A handler's computation for the store: deadlines, work after the response, errors, and what tells of it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from apiroutes.cache.targets import Target, digest, variant_key
from apiroutes.logging import RequestFilter
from apiroutes.middleware import access_log, log_context
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


@both
def test_a_stale_answer_is_computed_anew_after_a_504(
    tmp_path: Path, interface: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The time was over in middleware, when the store had answered."""
    middleware = (
        "gate = threading.Event()\ndef middleware(req, res, next):\n    next()\n"
        "    if 'X-Slow' in req.headers: gate.wait(1)\n"
    )
    declared = "config = {'cache': {'revalidate': 60}, 'maxDuration': 0.2}"
    app = routed(
        tmp_path,
        get_of(declared=declared),
        interface,
        files={"pages/api/_middleware.py": middleware},
        **NOT_HOT,
    )
    app.get()
    clock.step(61)
    assert app.get(headers={"X-Slow": "1"}).status == 504
    until(partial(app.has_run, 2))
    answer = app.get()
    assert (answer.json(), said(answer)) == ({"n": 2}, "hit")
    assert [record.levelname for record in caplog.records if "anew" in record.getMessage()] == []


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
        (("after(lambda: seen.append('after'))", "req.user = req.user", "return 1"), 1),
        (("after(lambda: seen.append('after'))", "res.write('a')", "res.end()"), 1),
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
    library = f"faults_{len(sys.modules)}"
    files[f"{library}.py"] = "noted = []\n"
    files["instrumentation.py"] = (
        f"from {library} import noted\n"
        "def on_request_error(error, request, context): noted.append(str(error))\n"
    )
    app = routed(tmp_path, get_of("raise ValueError('broken')", kind=kind), interface, files=files)
    assert app.get().status == 500
    assert sys.modules[library].noted == ["broken"]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


@both
def test_a_fault_of_a_recomputation_is_observed_once(
    tmp_path: Path, interface: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    library = f"faults_{len(sys.modules)}"
    files = {
        f"{library}.py": "noted = []\n",
        "instrumentation.py": (
            f"from {library} import noted\n"
            "def on_request_error(error, request, context): noted.append((str(error), request.path))\n"
        ),
    }
    app = routed(
        tmp_path,
        get_of("if len(seen) > 1: raise ValueError('broken')", "return 1"),
        interface,
        files=files,
        **NOT_HOT,
    )
    app.get()
    clock.step(61)
    app.get()
    until(partial(app.has_run, 2))
    until(lambda: bool(sys.modules[library].noted))
    assert sys.modules[library].noted == [("broken", "/api/x")]


# -- what tells of it ----------------------------------------------------------------------------


def test_a_log_line_of_a_recomputation_has_its_route(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    source = get_of("import logging; logging.getLogger('own').warning('computed %s', len(seen))", "return 1")
    app = routed(tmp_path, source, middleware=[log_context()], **NOT_HOT)
    caplog.handler.addFilter(RequestFilter())
    app.get("/api/x", {"X-Request-Id": "r1"})
    clock.step(61)
    app.get("/api/x", {"X-Request-Id": "r2"})
    until(partial(app.has_run, 2))
    shown = [
        (record.getMessage(), vars(record)["route"], vars(record)["request_id"])
        for record in caplog.records
        if record.name == "own"
    ]
    assert shown == [("computed 1", "/api/x", "r1"), ("computed 2", "/api/x", "-")]


# -- what goes on when the handler has ended -----------------------------------------------------

USERS = """
def middleware(req, res, next):
    req.user = req.context["user"] = req.headers["X-User"]
    return next()
"""
LATER = {
    "a stream": "return (part for part in [req.user, req.context['user'], req.environ['HTTP_X_USER']])",
    "a stream after a chunk": (
        "def chunks():\n        yield 'a'\n        yield req.user\n        yield str(sorted(req.context))\n"
        "    return chunks()"
    ),
    "what the handler has kept": (
        "req.own, req.context['own'] = 'a', 'b'\n"
        "    return (part for part in [req.own, req.context['own'], req.user])"
    ),
    "a file-like": "import io\n    return iter([b'a', b'b'])",
}


@both
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("later", LATER)
def test_a_stream_sees_the_real_request(tmp_path: Path, interface: str, kind: str, later: str) -> None:
    answers = []
    for declared in ("", "revalidate = 60"):
        source = get_of(LATER[later], declared=declared, kind=kind)
        app = routed(
            tmp_path / (declared or "plain"), source, interface, files={"pages/api/_middleware.py": USERS}
        )
        answers.append([app.get("/api/x", {"X-User": user}).text for user in ("ada", "ben", "ada")])
    assert answers[0] == answers[1]


@both
@pytest.mark.parametrize("touched", ["req.user", "req.context['user']", "req.headers['X-User']"])
def test_work_after_the_response_sees_the_real_request(tmp_path: Path, interface: str, touched: str) -> None:
    source = get_of(f"after(lambda: noted.append({touched}))", "return 1") + "noted = seen\n"
    app = routed(tmp_path, source, interface, files={"pages/api/_middleware.py": USERS})
    answers = [app.get("/api/x", {"X-User": user}) for user in ("ada", "ben")]
    until(lambda: len(app.seen) == 2)
    assert [*map(said, answers)] == ["fwd=uri-miss; stored", "hit"]
    assert app.seen == ["ran", "ada"]


def test_work_after_a_recomputation_has_no_client(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    source = get_of("after(lambda: seen.append(getattr(req, 'user', None)))", "return 1")
    app = routed(tmp_path, source, files={"pages/api/_middleware.py": USERS}, **NOT_HOT)
    app.get("/api/x", {"X-User": "ada"})
    until(lambda: app.seen == ["ran", "ada"])
    clock.step(61)
    app.get("/api/x", {"X-User": "ben"})
    until(lambda: app.seen == ["ran", "ada", "ran", None])


def test_a_failure_after_a_recomputation_is_logged(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    source = get_of("after(lambda number: 1 / (number < 2), len(seen))", "return 1")
    app = routed(tmp_path, source, **NOT_HOT)
    app.get()
    clock.step(61)
    app.get()
    until(lambda: "ZeroDivisionError" in caplog.text)
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "failed after its response" in record.getMessage()


@both
def test_the_access_log_has_hits(tmp_path: Path, interface: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    app = routed(tmp_path, get_of(), interface, middleware=[access_log()])
    for headers in ({}, {}, {"If-None-Match": "*"}):
        app.get(headers=headers)
    lines = [record.getMessage() for record in caplog.records if "/api/x" in record.getMessage()]
    assert [status for line in lines for status in ("200", "304") if status in line] == ["200", "200", "304"]
