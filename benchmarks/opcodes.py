"""How many bytecodes does Python execute for one request, and how many functions does it call?

These figures are free of noise: they show changes that timings on a busy machine hide. They do not include
compiled code; they include the caller and its start_response, 25 bytecodes on Python 3.11. W1a and W3a are
W1 and W3 by ASGI, with async handlers. The exit status is 1 when a workload exceeds its cap; the caps are
Python 3.11's, and elsewhere nothing is capped.
"""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

if __spec__ is None:  # run as a file: the modules beside it (http, falcon) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.asgi import (
    ASGI_WORKLOADS,
    ASGIApplication,
    Message,
    check_messages,
    drive,
    prepared_call,
)
from benchmarks.commandline import names_of
from benchmarks.contenders import StartedResponse, contenders
from benchmarks.peers import PEERS
from benchmarks.peers.apiroutes import asgi_application
from benchmarks.tables import table
from benchmarks.workloads import WORKLOADS, Request, Workload, WSGIApplication

WARM_UP = 2  # requests
OURS = "apiroutes"
CAPS = {"W1": 370, "W3": 620, "W4": 900, "W5": 2_100, "W11": 640, "W11s": 640}  # of apiroutes
CAPS_ARE_FOR = "CPython 3.11"
THIS_PYTHON = f"{platform.python_implementation()} {sys.version_info[0]}.{sys.version_info[1]}"

Counted = tuple[int, int]  # bytecodes, and calls of Python functions


def count(prepare: Callable[[], Callable[[], object]]) -> Counted:
    """Count what a call executes, after a warm-up. Each call is prepared anew, and its result closed."""
    bytecodes = calls = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal bytecodes, calls
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            calls += 1
        elif event == "opcode":
            bytecodes += 1
        return trace

    for _ in range(WARM_UP):
        _call(prepare())
    _call(prepare(), trace)
    return bytecodes, calls


def _call(serve: Callable[[], object], trace: Callable[..., Any] | None = None) -> None:
    before = sys.gettrace()
    sys.settrace(trace)  # applies to frames that begin from here
    try:
        result = serve()
    finally:
        sys.settrace(before)
    getattr(result, "close", lambda: None)()


def count_wsgi(application: WSGIApplication, request: Request) -> Counted:
    def prepare() -> Callable[[], Iterable[bytes]]:
        environ = {**request.environ, "wsgi.input": BytesIO(request.content)}
        started = StartedResponse()

        def serve() -> Iterable[bytes]:
            body = application(environ, started)
            for _ in body:
                pass
            return body

        return serve

    return count(prepare)


def count_asgi(application: ASGIApplication, workload: Workload) -> Counted:
    """Count a call that never waits. Raises SuspendedError, and DifferentMessagesError."""
    sent: list[Message] = []

    def prepare() -> Callable[[], None]:
        sent.clear()
        call = prepared_call(application, workload.requests[0], sent)
        return lambda: drive(call())

    async def count_in_a_task() -> Counted:
        return count(prepare)

    counted = asyncio.run(count_in_a_task())  # applications expect a loop and a task
    check_messages(workload, sent)
    return counted


def measure(peer: str, names: Sequence[str]) -> Iterator[tuple[Workload, Counted]]:
    """Yield the workloads of these names that the peer has, with their figures."""
    for contender in contenders(PEERS[peer], [WORKLOADS[name]() for name in names if name in WORKLOADS]):
        workload = contender.workload
        yield workload, count_wsgi(contender.application, workload.requests[0])
    if peer == OURS:
        application = asgi_application()
        for workload in [ASGI_WORKLOADS[name]() for name in names if name in ASGI_WORKLOADS]:
            yield workload, count_asgi(application, workload)


def report(title: str, figures: Sequence[tuple[Workload, Counted]]) -> Iterator[str]:
    """Yield the lines of a table for each group of workloads."""
    groups: dict[str, dict[str, list[str]]] = {}
    for workload, (bytecodes, calls) in figures:
        cells = groups.setdefault(workload.group, {})
        cells[f"{workload.name:5} {workload.title}"] = [f"{bytecodes:,}", str(calls)]
    for group, cells in groups.items():
        yield from ("", *table(f"{title}, {group}", ["bytecodes", "calls"], cells))


def caps_report(counted: Mapping[str, int], python: str = THIS_PYTHON) -> tuple[list[str], bool]:
    """Return a line for each cap of these workloads, and whether all are kept."""
    if python != CAPS_ARE_FOR:
        return [f"the caps are for {CAPS_ARE_FOR}, not {python}: skipped"], True
    kept = {name: counted[name] <= cap for name, cap in CAPS.items() if name in counted}
    lines = [
        f"{name}: {counted[name]:,} bytecodes, at most {CAPS[name]:,}: {'kept' if kept[name] else 'EXCEEDED'}"
        for name in kept
    ]
    return lines, all(kept.values())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    known = WORKLOADS | ASGI_WORKLOADS
    add("--only", type=names_of(known), default=list(known), metavar="W1,W3", help=f"of {','.join(known)}")
    add("--peer", choices=list(PEERS), default=OURS, help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    figures = list(measure(chosen.peer, chosen.only))
    print("\n".join(report(PEERS[chosen.peer].title, figures)))
    if chosen.peer != OURS:
        return 0
    lines, all_kept = caps_report({workload.name: bytecodes for workload, (bytecodes, _) in figures})
    print("\n".join(["", *lines]))
    return 0 if all_kept else 1


if __name__ == "__main__":
    sys.exit(main())
