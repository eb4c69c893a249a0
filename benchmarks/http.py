"""What does a request cost under gunicorn, granian and uvicorn, over loopback, in one process?

Each server is started on a free port of 127.0.0.1 for each peer, asked by `client.py` in a second process,
and stopped again by its pid; this is repeated, everybody in turn, and a figure is the median. Requests per
second vary by a quarter from run to run: compare the CPU time of the server's processes (from /proc where
there is one), and mind its lowest and highest, which gthread's hand-over between threads sets far apart.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import monotonic, sleep

if __spec__ is None:  # run as a file: this file would hide the standard library's http
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.commandline import names_of
from benchmarks.machine import machine_line
from benchmarks.peers import PEERS, installed_peers
from benchmarks.tables import progress, table
from benchmarks.workloads import WORKLOADS, Request, Workload

TOP = Path(__file__).resolve().parents[1]
DEFAULT_PEERS = ["apiroutes", "msgspec", "falcon", "flask"]
CHOICES = ("W1", "W2", "W3", "W10")  # answered with 200 by an application of a few routes, and by FastAPI
COLUMNS = ["requests/s", "p50 ms", "p99 ms", "CPU us/request", "lowest-highest", "MB"]
OURS, LIMIT, FASTAPI = "apiroutes", "msgspec", "FastAPI"

Command = Callable[[str, int, int], list[str]]  # of a module with application(), a socket and its port


class OutOfTimeError(Exception):
    """The time limit of the whole run has passed."""


@dataclass(frozen=True)
class Deadline:
    """The end of the whole run, on the monotonic clock."""

    end: float

    def left(self) -> float:
        left = self.end - monotonic()
        if left <= 0:
            raise OutOfTimeError
        return left


@dataclass(frozen=True)
class Load:
    """What the client sends, and for how long."""

    request: bytes
    connections: int
    seconds: float


@dataclass(frozen=True)
class Server:
    """A way to serve one process; `needs` is the package that it takes."""

    title: str
    needs: str
    command: Command
    inherits: bool = True  # the listening socket
    asgi: bool = False


@dataclass(frozen=True)
class Figures:
    """What one server did under the load."""

    requests_per_second: float
    p50: float
    p99: float
    cpu: float | None  # seconds per request
    memory: float | None  # megabytes


# The servers.


def gunicorn(*flags: str) -> Command:
    def command(module: str, descriptor: int, port: int) -> list[str]:
        return [
            *(sys.executable, "-m", "gunicorn", f"{module}:application()", "--bind", f"fd://{descriptor}"),
            *("--workers", "1", "--no-control-socket", "--log-level", "error", *flags),
        ]

    return command


def granian(module: str, descriptor: int, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "granian", f"{module}:application", "--factory", "--interface", "wsgi"),
        *("--port", str(port), "--workers", "1", "--blocking-threads", "1", "--no-ws"),
        *("--log-level", "error"),
    ]


def uvicorn(module: str, descriptor: int, port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", f"{module}:application", "--factory", "--port", str(port)),
        *("--log-level", "error", "--no-access-log"),
    ]


SERVERS = {
    "sync": Server("gunicorn sync", "gunicorn", gunicorn("--worker-class", "sync")),
    "gthread": Server(
        "gunicorn gthread", "gunicorn", gunicorn("--worker-class", "gthread", "--threads", "4")
    ),
    "gevent": Server("gunicorn gevent", "gevent", gunicorn("--worker-class", "gevent")),
    "granian": Server("granian", "granian", granian, inherits=False),
    "uvicorn": Server("uvicorn", "uvicorn", uvicorn, inherits=False, asgi=True),
}


@contextmanager
def running(server: Server, module: str, deadline: Deadline) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A server that listens, and its port; stopped at the end, however that comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        descriptors = [listener.fileno()] if server.inherits else []
        if not server.inherits:
            listener.close()  # the port was free a moment ago, and the server binds it itself
        process = subprocess.Popen(
            server.command(module, listener.fileno(), port),
            cwd=TOP,
            env=_environment(),
            pass_fds=descriptors,
        )
    try:
        _wait_until_it_listens(process, port, deadline)
        yield process, port
    finally:
        stop(process)


def _environment() -> dict[str, str]:
    """This process's environment without the settings that servers and peers would read from it."""
    own = ("GUNICORN_", "GRANIAN_", "UVICORN_", "WEB_CONCURRENCY", "PORT")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, deadline: Deadline) -> None:
    while process.poll() is None and deadline.left():
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        sleep(0.02)
    raise ChildProcessError(f"the server ended with status {process.returncode}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the main process, which stops its workers; SIGKILL to all when that takes too long."""
    pids = [process.pid, *children(process.pid)]
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


# One measurement.


def measure(server: Server, module: str, load: Load, deadline: Deadline) -> Figures:
    with running(server, module, deadline) as (process, port):
        ask(port, Load(load.request, load.connections, 0.3), deadline)  # it is up, and warm
        before = cpu_seconds(process.pid)
        seconds, latencies = ask(port, load, deadline)
        after = cpu_seconds(process.pid)
        memory = megabytes(process.pid)
    count = len(latencies)
    cpu = None if before is None or after is None else (after - before) / count
    return Figures(count / seconds, latencies[count // 2], latencies[count * 99 // 100], cpu, memory)


def ask(port: int, load: Load, deadline: Deadline) -> tuple[float, list[float]]:
    """Run the client: seconds it took, and the sorted latencies."""
    command = [sys.executable, "-m", "benchmarks.client", "--port", str(port)]
    command += ["--connections", str(load.connections), "--seconds", str(load.seconds)]
    try:
        done = subprocess.run(
            command, cwd=TOP, input=load.request, stdout=subprocess.PIPE, check=True, timeout=deadline.left()
        )
    except subprocess.TimeoutExpired:
        raise OutOfTimeError from None
    seen = json.loads(done.stdout)
    return seen["seconds"], seen["latencies"]


# /proc


def cpu_seconds(pid: int) -> float | None:
    """User and system time of a process and of its children; None where there is no /proc."""
    try:
        return sum(_cpu_ticks(one) for one in (pid, *children(pid))) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def _cpu_ticks(pid: int) -> int:
    # proc(5): utime and stime are fields 14 and 15; field 2, the name in parentheses, may hold blanks
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def megabytes(pid: int) -> float | None:
    """Memory of a process and of its children, what they share counted once."""
    try:
        return sum(_proportional_kilobytes(one) for one in (pid, *children(pid))) / 1000
    except OSError:
        return None


def _proportional_kilobytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def children(pid: int) -> list[int]:
    found: list[int] = []
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in listing.read_text(encoding="utf-8").split()]
    return found


def raw_request(request: Request) -> bytes:
    """The bytes on the wire of a workload's request."""
    environ = request.environ
    lines = [f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ['SERVER_PROTOCOL']}"]
    for name, value in environ.items():
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            lines.append(f"{name.removeprefix('HTTP_').replace('_', '-').title()}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.content


# What is printed.

Seen = dict[tuple[str, str], list[Figures]]  # by server and the title of what it served


def cells(repeats: Sequence[Figures]) -> list[str]:
    """A row of the table: medians, and how far the CPU times are apart."""
    row = [
        f"{median(figures.requests_per_second for figures in repeats):,.0f}",
        f"{median(figures.p50 for figures in repeats) * 1e3:.2f}",
        f"{median(figures.p99 for figures in repeats) * 1e3:.2f}",
    ]
    cpu = [figures.cpu * 1e6 for figures in repeats if figures.cpu is not None]
    memory = [figures.memory for figures in repeats if figures.memory is not None]
    row += [f"{median(cpu):,.1f}", f"{min(cpu):,.1f}-{max(cpu):,.1f}"] if cpu else ["-", "-"]
    return [*row, f"{median(memory):,.0f}" if memory else "-"]


def report(seen: Seen) -> Iterator[str]:
    for key, server in SERVERS.items():
        rows = {title: cells(repeats) for (name, title), repeats in seen.items() if name == key}
        if rows:
            yield ""
            yield from table(server.title, COLUMNS, rows)


def goals_report(seen: Seen) -> Iterator[tuple[str, bool]]:
    """A line for each goal that was measured, and whether it was reached."""
    ours, limit = PEERS[OURS].title, PEERS[LIMIT].title
    for key, server in SERVERS.items():
        mine, theirs = _cpu(seen, key, ours), _cpu(seen, key, limit)
        if mine is None or theirs is None:
            continue
        more = mine - theirs
        if key == "granian":
            yield f"{server.title}: {more:+.1f} us of CPU beside hand-written WSGI, goal <= 6", more <= 6
        else:
            part = more / theirs
            yield f"{server.title}: {part:+.1%} of CPU beside hand-written WSGI, goal <= 8%", part <= 0.08
    mine, theirs = _rate(seen, "granian", ours), _rate(seen, "uvicorn", FASTAPI)
    if mine is not None and theirs is not None:
        yield (
            f"granian: {mine / theirs:.1f} times the requests/s of FastAPI under uvicorn, goal >= 2.5",
            (mine / theirs >= 2.5),
        )


def _cpu(seen: Seen, server: str, title: str) -> float | None:
    """The median of its CPU time, in microseconds per request."""
    cpu = [figures.cpu * 1e6 for figures in seen.get((server, title), ()) if figures.cpu is not None]
    return median(cpu) if cpu else None


def _rate(seen: Seen, server: str, title: str) -> float | None:
    rates = [figures.requests_per_second for figures in seen.get((server, title), ())]
    return median(rates) if rates else None


# The command line.


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
    """Server, title and module of everything that is measured."""
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


def measure_all(chosen: argparse.Namespace, workload: Workload, seen: Seen) -> bool:
    """Fill in what is seen; whether all of it was, in time."""
    deadline = Deadline(monotonic() + chosen.time_limit)
    load = Load(raw_request(workload.requests[0]), chosen.connections, chosen.seconds)
    everything = list(combinations(chosen.servers, chosen.peers))
    try:
        for repeat in range(chosen.repeats):
            for key, title, module in everything:
                progress(f"{repeat + 1} of {chosen.repeats}: {SERVERS[key].title}, {title}")
                figures = measure(SERVERS[key], module, load, deadline)
                seen.setdefault((key, title), []).append(figures)
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
    seen: Seen = {}
    in_time = measure_all(chosen, workload, seen)
    print("\n".join(report(seen)))
    goals = list(goals_report(seen))
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
