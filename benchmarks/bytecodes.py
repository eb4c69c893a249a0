"""How many bytecodes does Python execute for one request, and how many functions does it call?

These figures are free of noise: they show changes that timings on a busy machine hide. They do not include
compiled code; they include the caller and its start_response, 25 bytecodes on Python 3.11.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

if __spec__ is None:  # run as a file: the modules beside it (http, falcon) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.commandline import names_of
from benchmarks.contenders import StartedResponse, contenders
from benchmarks.peers import PEERS
from benchmarks.tables import table
from benchmarks.workloads import WORKLOADS, Request, WSGIApplication

WARM_UP = 2  # requests


def count(application: WSGIApplication, request: Request) -> tuple[int, int]:
    """Count the bytecodes and the calls of Python functions of one request, after a warm-up."""
    for _ in range(WARM_UP):
        _call(application, request)
    bytecodes = calls = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal bytecodes, calls
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            calls += 1
        elif event == "opcode":
            bytecodes += 1
        return trace

    _call(application, request, trace)
    return bytecodes, calls


def _call(application: WSGIApplication, request: Request, trace: Callable[..., Any] | None = None) -> None:
    environ = {**request.environ, "wsgi.input": BytesIO(request.content)}
    started = StartedResponse()

    def serve() -> Iterable[bytes]:
        body = application(environ, started)
        for _ in body:
            pass
        return body

    before = sys.gettrace()
    sys.settrace(trace)  # applies to frames that begin from here
    try:
        body = serve()
    finally:
        sys.settrace(before)
    getattr(body, "close", lambda: None)()


def rows(peer: str, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    for contender in contenders(PEERS[peer], [WORKLOADS[name]() for name in names]):
        bytecodes, calls = count(contender.application, contender.workload.requests[0])
        yield contender.workload.name, [f"{bytecodes:,}", str(calls), contender.workload.title]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--only", type=names_of(WORKLOADS), default=list(WORKLOADS), metavar="W1,W3", help="workloads")
    add("--peer", choices=list(PEERS), default="apiroutes", help="default: %(default)s")
    chosen = parser.parse_args(arguments)
    cells = dict(rows(chosen.peer, chosen.only))
    print("\n".join(table(chosen.peer, ["bytecodes", "calls", ""], cells)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
