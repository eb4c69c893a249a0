"""What does a request cost under gunicorn, granian and uvicorn, over loopback, in one process?

For each peer, each server is started on a free port of 127.0.0.1, loaded by `client.py` in a second
process, and stopped again; this is repeated, in turn, and a figure is the median. Requests per second vary
by a quarter from run to run: compare the CPU time of the server's processes (from /proc where there is one),
and mind its lowest and highest value, which gthread's hand-over between threads sets far apart.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import monotonic

if __spec__ is None:  # run as a file: this file would hide the standard library's http
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.commandline import names_of
from benchmarks.machine import machine_line
from benchmarks.peers import PEERS, installed_peers
from benchmarks.processes import cpu_seconds, megabytes
from benchmarks.servers import SERVERS, TOP, Deadline, OutOfTimeError, Server, running
from benchmarks.tables import progress, table
from benchmarks.workloads import WORKLOADS, Request, Workload

DEFAULT_PEERS = ["apiroutes", "msgspec", "falcon", "flask"]
CHOICES = ("W1", "W2", "W3", "W10")  # those that respond with 200, have few routes, and that FastAPI has too
COLUMNS = ["requests/s", "p50 ms", "p99 ms", "CPU us/request", "lowest-highest", "MB"]
OURS, LIMIT, FASTAPI = "apiroutes", "msgspec", "FastAPI"


@dataclass(frozen=True)
class Load:
    """The client's request, and for how long it sends it."""

    request: bytes
    connections: int
    seconds: float


@dataclass(frozen=True)
class Figures:
    """The figures of one server under load."""

    requests_per_second: float
    p50: float
    p99: float
    cpu: float | None  # seconds per request
    memory: float | None  # megabytes


def measure(server: Server, module: str, load: Load, deadline: Deadline) -> Figures:
    with running(server, module, deadline) as (process, port):
        ask(port, Load(load.request, load.connections, 0.3), deadline)  # warms it up
        before = cpu_seconds(process.pid)
        seconds, latencies = ask(port, load, deadline)
        after = cpu_seconds(process.pid)
        memory = megabytes(process.pid)
    count = len(latencies)
    cpu = None if before is None or after is None else (after - before) / count
    return Figures(count / seconds, latencies[count // 2], latencies[count * 99 // 100], cpu, memory)


def ask(port: int, load: Load, deadline: Deadline) -> tuple[float, list[float]]:
    """Run the client. Return the seconds it took and the sorted latencies."""
    command = [sys.executable, "-m", "benchmarks.client", "--port", str(port)]
    command += ["--connections", str(load.connections), "--seconds", str(load.seconds)]
    try:
        done = subprocess.run(
            command, cwd=TOP, input=load.request, stdout=subprocess.PIPE, check=True, timeout=deadline.left()
        )
    except subprocess.TimeoutExpired:
        raise OutOfTimeError from None
    measured = json.loads(done.stdout)
    return measured["seconds"], measured["latencies"]


def raw_request(request: Request) -> bytes:
    """Return a workload's request as it is sent."""
    environ = request.environ
    lines = [f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ['SERVER_PROTOCOL']}"]
    for name, value in environ.items():
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            lines.append(f"{name.removeprefix('HTTP_').replace('_', '-').title()}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.content


Measured = dict[tuple[str, str], list[Figures]]  # by server and the title of the application


def cells(repeats: Sequence[Figures]) -> list[str]:
    """Return a row of the table: medians, and the range of the CPU times."""
    row = [
        f"{median(figures.requests_per_second for figures in repeats):,.0f}",
        f"{median(figures.p50 for figures in repeats) * 1e3:.2f}",
        f"{median(figures.p99 for figures in repeats) * 1e3:.2f}",
    ]
    cpu = [figures.cpu * 1e6 for figures in repeats if figures.cpu is not None]
    memory = [figures.memory for figures in repeats if figures.memory is not None]
    row += [f"{median(cpu):,.1f}", f"{min(cpu):,.1f}-{max(cpu):,.1f}"] if cpu else ["-", "-"]
    return [*row, f"{median(memory):,.0f}" if memory else "-"]


def report(measurements: Measured) -> Iterator[str]:
    for key, server in SERVERS.items():
        rows = {title: cells(repeats) for (name, title), repeats in measurements.items() if name == key}
        if rows:
            yield ""
            yield from table(server.title, COLUMNS, rows)


def goals_report(measurements: Measured) -> Iterator[tuple[str, bool]]:
    """Yield a line for each goal that was measured, and whether it was reached."""
    ours, limit = PEERS[OURS].title, PEERS[LIMIT].title
    for key, server in SERVERS.items():
        mine, theirs = _cpu(measurements, key, ours), _cpu(measurements, key, limit)
        if mine is None or theirs is None:
            continue
        more = mine - theirs
        if key == "granian":
            yield f"{server.title}: {more:+.1f} us of CPU beside hand-written WSGI, goal <= 6", more <= 6
        else:
            part = more / theirs
            yield f"{server.title}: {part:+.1%} of CPU beside hand-written WSGI, goal <= 8%", part <= 0.08
    mine, theirs = _rate(measurements, "granian", ours), _rate(measurements, "uvicorn", FASTAPI)
    if mine is not None and theirs is not None:
        yield (
            f"granian: {mine / theirs:.1f} times the requests/s of FastAPI under uvicorn, goal >= 2.5",
            (mine / theirs >= 2.5),
        )


def _cpu(measurements: Measured, server: str, title: str) -> float | None:
    """Return the median CPU time in microseconds per request."""
    cpu = [figures.cpu * 1e6 for figures in measurements.get((server, title), ()) if figures.cpu is not None]
    return median(cpu) if cpu else None


def _rate(measurements: Measured, server: str, title: str) -> float | None:
    rates = [figures.requests_per_second for figures in measurements.get((server, title), ())]
    return median(rates) if rates else None


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--workload", choices=CHOICES, default="W1", help="default: %(default)s")
    add("--servers", type=names_of(SERVERS), default=list(SERVERS), metavar="NAMES", help=",".join(SERVERS))
    add("--peers", type=names_of(PEERS), default=DEFAULT_PEERS, metavar="NAMES", help=",".join(PEERS))
    add("--connections", type=int, default=8, help="default: %(default)s")
    add("--repeats", type=int, default=3, help="of each server (default: %(default)s)")
    add("--seconds", type=float, default=1.5, help="of load each time (default: %(default)s)")
    add("--time-limit", type=float, default=300, metavar="SECONDS", help="default: %(default)s")
    add("--goals", action="store_true", help="compare with the goals; exit status 1 when one is missed")
    return parser.parse_args(arguments)


def combinations(servers: Sequence[str], peers: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the server, the title and the module of everything that is measured."""
    usable = installed_peers(peers)
    for key in servers:
        server = SERVERS[key]
        missing = [name for name in (server.needs, "fastapi") if find_spec(name) is None]
        if server.needs in missing or (server.asgi and missing):
            print(f"left out: {server.title} ({missing[0]} is not installed)", file=sys.stderr)
        elif server.asgi:
            yield key, FASTAPI, "benchmarks.peers.fastapi"
        else:
            for peer in usable:
                yield key, peer.title, peer.module


def measure_all(chosen: argparse.Namespace, workload: Workload, measurements: Measured) -> bool:
    """Fill in the figures. Return whether all were measured in time."""
    deadline = Deadline(monotonic() + chosen.time_limit)
    load = Load(raw_request(workload.requests[0]), chosen.connections, chosen.seconds)
    planned = list(combinations(chosen.servers, chosen.peers))
    try:
        for repeat in range(chosen.repeats):
            for key, title, module in planned:
                progress(f"{repeat + 1} of {chosen.repeats}: {SERVERS[key].title}, {title}")
                figures = measure(SERVERS[key], module, load, deadline)
                measurements.setdefault((key, title), []).append(figures)
    except OutOfTimeError:
        return False
    finally:
        progress("")
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that servers are stopped
    workload = WORKLOADS[chosen.workload]()
    needs = {SERVERS[key].needs for key in chosen.servers} | {PEERS[key].needs for key in chosen.peers}
    needs |= {"fastapi"} if "uvicorn" in chosen.servers else set()
    print(machine_line(sorted(name for name in needs if name and find_spec(name))))
    print(f"{workload.name}, {workload.title}: {chosen.connections} connections, {chosen.seconds:g} s each")
    measurements: Measured = {}
    in_time = measure_all(chosen, workload, measurements)
    print("\n".join(report(measurements)))
    goals = list(goals_report(measurements))
    print()
    for line, reached in goals:
        print(f"{line}: {'reached' if reached else 'MISSED'}")
    if not in_time:
        print(f"stopped at the time limit of {chosen.time_limit:g} s", file=sys.stderr)
        return 1
    return 0 if not chosen.goals or all(reached for _, reached in goals) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
