"""What does one request cost in the application alone, beside the same endpoints written with others?

No sockets: a fresh copy of a gunicorn-like environ, a fresh BytesIO for the content, a real start_response,
the iterable consumed and closed. Every peer runs every workload in turn, round after round, in this one
process; a figure is the median of the rounds, less the median of an empty application.
"""

import argparse
import gc
import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from typing import Any

if __spec__ is None:  # run as a file: the modules beside it (http, falcon) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from apiroutes import App
from benchmarks.commandline import names_of, positive
from benchmarks.machine import machine_line
from benchmarks.peers import PEERS, Peer, installed_peers
from benchmarks.tables import progress, table
from benchmarks.workloads import (
    WORKLOADS,
    Answer,
    Environ,
    Request,
    StartResponse,
    Workload,
    WSGIApplication,
    numbered_routes,
)

GOALS = {
    "W1": 0.40,
    "W2": 0.55,
    "W3": 0.35,
    "W4": 0.70,
    "W5": 0.60,
    "W6": 0.35,
    "W7": 0.10,
    "W8": 0.45,
    "W9": 0.60,
    "W10": 0.80,
}
OURS, REFERENCE, EMPTY = "apiroutes", "falcon", "empty"
LIMITS = (
    "json",
    "msgspec",
)  # hand-written applications, which check nothing, and are no peers to be ahead of

Figures = dict[str, dict[str, float]]  # peer -> workload -> figure


class DifferentAnswerError(Exception):
    """A peer does not answer what the workload asks for; timing it would compare different things."""


class StartedResponse:
    """A start_response that keeps the status and the headers, as a server must."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.written: list[bytes] = []

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        self.status = status
        self.headers = headers
        return self.written.append


@dataclass(frozen=True)
class Contender:
    """A peer's application for one workload."""

    peer: str
    workload: Workload
    application: WSGIApplication


def empty_application(environ: Environ, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]


# Before: the same answers from everybody.


def contenders(peer: Peer, workloads: Sequence[Workload]) -> Iterator[Contender]:
    """The peer's application for each of `workloads`, after it gave the right answers."""
    module = peer.load()
    usual = module.application()
    for workload in workloads:
        application = module.numbered_application(numbered_routes()) if workload.name == "W8" else usual
        check_answers(peer, workload, application)
        yield Contender(peer.key, workload, application)


def check_answers(peer: Peer, workload: Workload, application: WSGIApplication) -> None:
    for request in workload.requests:
        difference = _difference(application, request)
        if difference:
            asked = f"{request.environ['REQUEST_METHOD']} {request.environ['RAW_URI']}"
            raise DifferentAnswerError(f"{peer.title}, {workload.name}, {asked}: {difference}")


def _difference(application: WSGIApplication, request: Request) -> str:
    """What is wrong with the application's answer to `request`; empty when nothing is."""
    started = StartedResponse()
    body = application({**request.environ, "wsgi.input": BytesIO(request.content)}, started)
    content = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    answer = request.answer
    headers = {name.lower(): value for name, value in started.headers}
    if not started.status.startswith(f"{answer.status} "):
        return f"status {started.status!r}, not {answer.status}"
    if answer.status != 304 and headers.get("content-length") != str(len(content)):
        return f"Content-Length {headers.get('content-length')} for {len(content)} bytes"
    for name, value in answer.headers.items():
        if _directives(headers.get(name, "")) != _directives(value):
            return f"{name} {headers.get(name)!r}, not {value!r}"
    if answer.body is not None and _value(headers.get("content-type", ""), content) != answer.body:
        return f"body {content[:200]!r}, not {str(answer.body)[:200]!r}"
    return ""


def _directives(value: str) -> set[str]:
    """Peers write the attributes of a cookie in an order and a case of their own."""
    return {directive.strip().lower() for directive in value.split(";")}


def _value(content_type: str, content: bytes) -> Any:
    media_type = content_type.partition(";")[0]
    if media_type == "application/json":
        return json.loads(content)
    return content.decode() if media_type == "text/plain" else content


# The rounds.


def measure(everybody: Sequence[Contender], rounds: int) -> Figures:
    """Median nanoseconds per call of every contender, those of the empty application subtracted."""
    samples: dict[tuple[str, str], list[float]] = {}
    gc.collect()
    gc.freeze()  # what is loaded now is not looked at again, so collecting between two timings is cheap
    gc.disable()
    try:
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}")
            for contender in _rotated(everybody, number):
                nanoseconds = time_calls(contender.application, contender.workload)
                samples.setdefault((contender.peer, contender.workload.name), []).append(nanoseconds)
    finally:
        gc.enable()
        gc.unfreeze()
        progress("")
    return _less_empty({key: median(values) for key, values in samples.items()})


def time_calls(
    application: WSGIApplication, workload: Workload, clock: Callable[[], int] = perf_counter_ns
) -> float:
    """Nanoseconds per call; the loop is part of them, for `empty_application` too."""
    requests = [(request.environ, request.content) for request in workload.requests]
    calls = list(islice(cycle(requests), workload.calls))
    started = StartedResponse()
    gc.collect()
    start = clock()
    for environ, content in calls:
        fresh = environ.copy()
        fresh["wsgi.input"] = BytesIO(content)
        body = application(fresh, started)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()
    return (clock() - start) / len(calls)


def _rotated(everybody: Sequence[Contender], number: int) -> Sequence[Contender]:
    """Begin elsewhere in each round, so that nobody always follows the same neighbour's cold caches."""
    step = number % len(everybody)
    return [*everybody[step:], *everybody[:step]]


def _less_empty(medians: Mapping[tuple[str, str], float]) -> Figures:
    figures: Figures = {}
    for (peer, workload), nanoseconds in medians.items():
        empty = 0.0 if peer == EMPTY else medians[EMPTY, workload]
        figures.setdefault(peer, {})[workload] = nanoseconds - empty
    return figures


# After: what is printed.


def ratios(figures: Figures) -> Figures:
    """Every peer's figures as a ratio to Falcon's; empty when Falcon did not run."""
    if REFERENCE not in figures:
        return {}
    reference = figures[REFERENCE]
    return {
        peer: {workload: nanoseconds / reference[workload] for workload, nanoseconds in row.items()}
        for peer, row in figures.items()
        if peer != EMPTY
    }


def report(figures: Figures, workloads: Sequence[Workload]) -> Iterator[str]:
    """The lines of both tables."""
    names = [workload.name for workload in workloads]
    yield from (f"{workload.name:4} {workload.title}" for workload in workloads)
    yield ""
    rows = {_title(peer): _cells(row, ",.0f") for peer, row in figures.items()}
    yield from table("nanoseconds", names, rows)
    rows = {_title(peer): _cells(row, ".2f") for peer, row in ratios(figures).items()}
    if rows:
        yield ""
        yield from table("ratio to Falcon", names, rows)


def _title(peer: str) -> str:
    return "(empty, subtracted)" if peer == EMPTY else PEERS[peer].title


def _cells(row: Mapping[str, float], form: str) -> list[str]:
    return [format(figure, form) for figure in row.values()]


def goals_report(figures: Figures) -> tuple[list[str], bool]:
    """A line for each goal that was measured, and whether all of them were reached."""
    ours = ratios(figures)[OURS]
    lines, all_reached = [], True
    for workload, goal in GOALS.items():
        if workload in ours:
            ahead = _ahead_of_us(figures, workload)
            reached = ours[workload] <= goal and not ahead
            all_reached = all_reached and reached
            behind = f", behind {' and '.join(ahead)}" if ahead else ""
            verdict = "reached" if ours[workload] <= goal else "MISSED"
            lines.append(f"{workload:4} {ours[workload]:.2f}  goal <= {goal:.2f}  {verdict}{behind}")
    return lines, all_reached


def _ahead_of_us(figures: Figures, workload: str) -> list[str]:
    ours = figures[OURS][workload]
    others = [peer for peer in figures if peer not in (OURS, EMPTY, *LIMITS)]
    return [_title(peer) for peer in others if figures[peer][workload] < ours]


# What parts of ours cost, on W1.

PLAIN = "plain"
VARIANTS = {
    PLAIN: "def GET(req, res):\n    res.json({'message': 'Hello'})\n",
    "a handler of every method": "def handler(req, res):\n    res.json({'message': 'Hello'})\n",
    "parameters by name": "def GET(res):\n    res.json({'message': 'Hello'})\n",
    "returned dict": "def GET():\n    return {'message': 'Hello'}\n",
    "three middlewares": "def one(req, res, next):\n    next()\ndef two(req, res, next):\n    next()\n"
    "def three(req, res, next):\n    next()\nmiddleware = [one, two, three]\n"
    "def GET(req, res):\n    res.json({'message': 'Hello'})\n",
    "an answer that the client has (304)": "def GET(req, res):\n    res.json({'message': 'Hello'})\n",
    "maxDuration": "config = {'maxDuration': 60}\ndef GET(req, res):\n    res.json({'message': 'Hello'})\n",
    "async handler": "async def GET(res):\n    res.json({'message': 'Hello'})\n",
    "async handler that suspends": "import asyncio\nasync def GET(res):\n    await asyncio.sleep(0)\n"
    "    res.json({'message': 'Hello'})\n",
    "streamed body": 'def GET(res):\n    content = b\'{"message":"Hello"}\'\n'
    "    res.set_header('Content-Type', 'application/json').set_header('Content-Length', str(len(content)))\n"
    "    res.send(iter([content]))\n",
}


def measure_variants(rounds: int) -> dict[str, float]:
    """Nanoseconds that each variant of W1's endpoint takes more than the plain one.

    They are routes of one application, as in a process that serves.
    """
    workload = WORKLOADS["W1"]()
    everybody = [Contender(EMPTY, workload, empty_application)]
    with TemporaryDirectory() as root:
        routes = Path(root, "pages/api")
        routes.mkdir(parents=True)
        for number, source in enumerate(VARIANTS.values()):
            (routes / f"v{number}.py").write_text(source, encoding="utf-8")
        application = App(root)
        for number, name in enumerate(VARIANTS):
            asked = _with_path(workload, f"/api/v{number}")
            check_answers(PEERS[OURS], asked, application)
            if name.endswith("(304)"):
                asked = _with_etag(asked, application)
                check_answers(PEERS[OURS], asked, application)
            everybody.append(Contender(name, asked, application))
        figures = measure(everybody, rounds)
    plain = figures[PLAIN]["W1"]
    return {name: figures[name]["W1"] - plain for name in VARIANTS if name != PLAIN}


def _with_path(workload: Workload, path: str) -> Workload:
    """The workload with another path in its requests."""
    requests = tuple(
        replace(request, environ={**request.environ, "PATH_INFO": path, "RAW_URI": path})
        for request in workload.requests
    )
    # Differences of tens of nanoseconds need longer stretches than those between peers.
    return replace(workload, requests=requests, calls=2000)


def _with_etag(workload: Workload, application: WSGIApplication) -> Workload:
    """The workload of a client that has the answer already."""
    (request,) = workload.requests
    started = StartedResponse()
    application({**request.environ, "wsgi.input": BytesIO()}, started)
    environ = {**request.environ, "HTTP_IF_NONE_MATCH": dict(started.headers)["ETag"]}
    return replace(workload, requests=(replace(request, environ=environ, answer=Answer(304, None)),))


def variants_report(more: Mapping[str, float]) -> Iterator[str]:
    yield "what it adds to W1, nanoseconds"
    for name, nanoseconds in more.items():
        yield f"{name:36} {nanoseconds:8,.0f}"


# The command line.


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--rounds", type=positive, default=80, help="interleaved rounds (default: %(default)s)")
    add("--only", type=names_of(WORKLOADS), default=list(WORKLOADS), metavar="W1,W3", help="workloads to run")
    add("--peers", type=names_of(PEERS), default=list(PEERS), metavar="NAMES", help=f"of {','.join(PEERS)}")
    add("--json", type=Path, metavar="FILE", help="write the figures to FILE too")
    add("--variants", action="store_true", help="only what parts of apiroutes cost: middleware, async, ...")
    add(
        "--typed", action="store_true", help="only typed requests, beside FastAPI too; exit status as --goals"
    )
    add("--goals", action="store_true", help="compare with the goals; exit status 1 when one is missed")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    if chosen.variants:
        print("\n".join(variants_report(measure_variants(chosen.rounds))))
        return 0
    if chosen.typed:
        try:
            typed = importlib.import_module("benchmarks.typed")
        except ImportError as error:
            print(f"--typed needs what is compared: {error}", file=sys.stderr)
            return 2
        return 0 if typed.compare(chosen.rounds) else 1
    peers = installed_peers(chosen.peers)
    if chosen.goals and not {OURS, REFERENCE} <= {peer.key for peer in peers}:
        print(f"--goals needs both {OURS} and {REFERENCE}", file=sys.stderr)
        return 2
    workloads = [WORKLOADS[name]() for name in chosen.only]
    everybody = [Contender(EMPTY, workload, empty_application) for workload in workloads]
    for peer in peers:
        progress(f"checking {peer.title}")
        try:
            everybody.extend(contenders(peer, workloads))
        except DifferentAnswerError as error:
            print(error, file=sys.stderr)
            return 1
    everybody.sort(key=lambda contender: chosen.only.index(contender.workload.name))
    figures = measure(everybody, chosen.rounds)
    machine = machine_line([peer.needs for peer in peers if peer.needs])
    print(f"{machine}; {chosen.rounds} rounds\n")
    print("\n".join(report(figures, workloads)))
    if chosen.json:
        result = {"machine": machine, "rounds": chosen.rounds, "nanoseconds": figures}
        result["ratios"] = ratios(figures)
        chosen.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if not chosen.goals:
        return 0
    lines, reached = goals_report(figures)
    print("\n".join(["", *lines]))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
