"""What do parts of apiroutes cost on W1: middleware, async handlers, a 304, sessions, limits, telemetry?

Every variant of W1's endpoint is a route of one application, as in a process that serves. A figure is the
nanoseconds that it takes more than the plain endpoint. `inprocess.py --variants` runs it too. What `after`
and telemetry cost is measured last, in applications of their own, as every request of the process pays from
the import of `after` on, and for a tracer that is active.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns, thread_time_ns
from typing import Any

if __spec__ is None:  # run as a file: the modules beside it (http, peers) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from apiroutes import App
from apiroutes.secret_keys import new_secret_key
from apiroutes.testing import Client
from benchmarks.commandline import positive
from benchmarks.contenders import EMPTY, Contender, StartedResponse, check_responses, empty_application
from benchmarks.guards import goals_report, measure_guards
from benchmarks.peers import PEERS
from benchmarks.telemetry import telemetry_variants
from benchmarks.timing import measure
from benchmarks.workloads import WORKLOADS, Response, Workload, WSGIApplication

PLAIN = "plain"
DEPENDS = "from typing import Annotated\nfrom apiroutes import Depends\n"
VARIANTS = {
    PLAIN: "def GET(req, res):\n    res.json({'message': 'Hello'})\n",
    "a handler of every method": "def handler(req, res):\n    res.json({'message': 'Hello'})\n",
    "parameters by name": "def GET(res):\n    res.json({'message': 'Hello'})\n",
    "returned dict": "def GET():\n    return {'message': 'Hello'}\n",
    "a dependency": f"{DEPENDS}def words():\n    return 'Hello'\n"
    "def GET(res, text: Annotated[str, Depends(words)]):\n    res.json({'message': text})\n",
    "a generator and a function": f"{DEPENDS}def session():\n    yield 'Hello'\n"
    "def words(db: Annotated[str, Depends(session)]):\n    return db\n"
    "def GET(res, text: Annotated[str, Depends(words)]):\n    res.json({'message': text})\n",
    "three middlewares": "def one(req, res, next):\n    next()\ndef two(req, res, next):\n    next()\n"
    "def three(req, res, next):\n    next()\nmiddleware = [one, two, three]\n"
    "def GET(req, res):\n    res.json({'message': 'Hello'})\n",
    "a response that the client has (304)": "def GET(req, res):\n    res.json({'message': 'Hello'})\n",
    "maxDuration": "config = {'maxDuration': 60}\ndef GET(req, res):\n    res.json({'message': 'Hello'})\n",
    "async handler": "async def GET(res):\n    res.json({'message': 'Hello'})\n",
    "async handler that suspends": "import asyncio\nasync def GET(res):\n    await asyncio.sleep(0)\n"
    "    res.json({'message': 'Hello'})\n",
    "streamed body": 'def GET(res):\n    content = b\'{"message":"Hello"}\'\n'
    "    res.set_header('Content-Type', 'application/json').set_header('Content-Length', str(len(content)))\n"
    "    res.send(iter([content]))\n",
}


PLAIN_BESIDE = "after imported, by another route"
# The work itself is next to nothing, but takes its time in the same process.
SESSION = "from apiroutes.middleware import sessions\nmiddleware = [sessions({})]\n"
READ = "def GET(req, res):\n    res.json({'message': req.session['greeting']})\n"
# Each in the calling thread, so that CPU time is measured, which other load disturbs least.
WITH_LIMITS = {
    PLAIN: VARIANTS[PLAIN],
    "a rate limit, on SQLite": "config = {'rateLimit': '1000000000/hour'}\n"
    "def GET(req, res):\n    res.json({'message': 'Hello'})\n",
    "a rate limit, in memory": "from apiroutes.middleware import rate_limit\n"
    "middleware = [rate_limit('1000000000/hour', store='memory')]\n"
    "def GET(req, res):\n    res.json({'message': 'Hello'})\n",
}
# Each with the cookie of a session.
WITH_SESSIONS = {
    PLAIN: VARIANTS[PLAIN],
    "a signed session, untouched": SESSION.format("") + VARIANTS[PLAIN],
    "a signed session, read": SESSION.format("") + READ,
    "a session in SQLite, read": SESSION.format("store='sqlite'") + READ,
}

WITH_WORK = {
    PLAIN_BESIDE: VARIANTS[PLAIN],
    "after, a function": "from apiroutes import after\ndef GET(req, res):\n    after(int)\n"
    "    res.json({'message': 'Hello'})\n",
}


def measure_variants(rounds: int) -> dict[str, float]:
    """Return the nanoseconds that each variant of W1's endpoint takes more than the plain one."""
    figures = _measure(VARIANTS, rounds)
    figures |= _measure(WITH_WORK, rounds, after_queue=10**6)
    more = _beside_plain(figures)
    more |= _beside_plain(_measure(WITH_LIMITS, rounds, thread_time_ns))
    more |= _beside_plain(_measure(WITH_SESSIONS, rounds, thread_time_ns, secret_key=new_secret_key()))
    return more | measure_guards(rounds) | _measure_telemetry(rounds)


def _beside_plain(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: figures[name] - figures[PLAIN] for name in figures if name != PLAIN}


def _measure(
    variants: Mapping[str, str], rounds: int, clock: Callable[[], int] = perf_counter_ns, **settings: Any
) -> dict[str, float]:
    """Return the nanoseconds that each variant takes."""
    workload = WORKLOADS["W1"]()
    ours = PEERS["apiroutes"]
    all_contenders = [Contender(EMPTY, workload, empty_application)]
    with TemporaryDirectory() as root:
        routes = Path(root, "pages/api")
        routes.mkdir(parents=True)
        for number, source in enumerate(variants.values()):
            (routes / f"v{number}.py").write_text(source, encoding="utf-8")
        application = App(root, **settings)
        for number, name in enumerate(variants):
            variant = _with_path(workload, f"/api/v{number}")
            if "session" in name:
                variant = _with_session(variant, application)
            check_responses(ours, variant, application)
            if name.endswith("(304)"):
                variant = _with_etag(variant, application)
                check_responses(ours, variant, application)
            all_contenders.append(Contender(name, variant, application))
        figures = measure(all_contenders, rounds, clock)
    return {name: figures[name]["W1"] for name in variants}


def _measure_telemetry(rounds: int) -> dict[str, float]:
    """Return the nanoseconds that telemetry adds to an application."""
    workload = _with_path(WORKLOADS["W1"](), "/api/v0")
    with TemporaryDirectory() as root:
        routes = Path(root, "pages/api")
        routes.mkdir(parents=True)
        (routes / "v0.py").write_text(VARIANTS[PLAIN], encoding="utf-8")
        all_contenders = [Contender(EMPTY, workload, empty_application)]
        for name, variant, application in _telemetry_of(root, workload):
            check_responses(PEERS["apiroutes"], variant, application)
            all_contenders.append(Contender(name, variant, application))
        figures = measure(all_contenders, rounds)
    plain = figures[PLAIN]["W1"]
    return {name: row["W1"] - plain for name, row in figures.items() if name not in (PLAIN, EMPTY)}


def _telemetry_of(root: str, workload: Workload) -> Iterator[tuple[str, Workload, WSGIApplication]]:
    """Yield the plain application, which starts before a tracer is active, and those with telemetry."""
    yield PLAIN, workload, App(root)
    yield from telemetry_variants(root, workload)


def _with_path(workload: Workload, path: str) -> Workload:
    """Return the workload with another path in its requests."""
    requests = tuple(
        replace(request, environ={**request.environ, "PATH_INFO": path, "RAW_URI": path})
        for request in workload.requests
    )
    # Differences of tens of nanoseconds need longer stretches than those between peers.
    return replace(workload, requests=requests, calls=2000)


def _with_session(workload: Workload, application: App) -> Workload:
    """Return the workload of a client that has a session."""
    (request,) = workload.requests
    client = Client(application)
    with client.session(request.environ["PATH_INFO"]) as session:
        session["greeting"] = "Hello"
    cookie = client.get_cookie("session")
    assert cookie is not None
    environ = {**request.environ, "HTTP_COOKIE": f"session={cookie.value}"}
    return replace(workload, requests=(replace(request, environ=environ),))


def _with_etag(workload: Workload, application: WSGIApplication) -> Workload:
    """Return the workload of a client that has the response already."""
    (request,) = workload.requests
    started = StartedResponse()
    application({**request.environ, "wsgi.input": BytesIO()}, started)
    environ = {**request.environ, "HTTP_IF_NONE_MATCH": dict(started.headers)["ETag"]}
    return replace(workload, requests=(replace(request, environ=environ, required=Response(304, None)),))


def variants_report(more: Mapping[str, float]) -> Iterator[str]:
    yield "what it adds to W1, nanoseconds"
    for name, nanoseconds in more.items():
        yield f"{name:36} {nanoseconds:8,.0f}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=positive, default=80, help="default: %(default)s")
    parser.add_argument("--goals", action="store_true", help="exit status 1 when a goal is missed")
    chosen = parser.parse_args(arguments)
    return report_variants(chosen.rounds, chosen.goals)


def report_variants(rounds: int, has_goals: bool) -> int:
    """Print the figures, and with goals whether they are reached. Return the exit status."""
    more = measure_variants(rounds)
    print("\n".join(variants_report(more)))
    if not has_goals:
        return 0
    lines, reached = goals_report(more)
    print("\n".join(["", *lines]))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
