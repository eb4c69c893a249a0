"""What does a request cost under gunicorn, over loopback, with one worker?

gunicorn is started on a free port of 127.0.0.1 for each worker class and peer, asked by `client.py` in a
second process, and stopped again by its pid; this is repeated, everybody in turn, and a figure is the median.
Requests per second vary by a quarter from run to run: compare the CPU time of the server (master and worker,
from /proc where there is one), and mind its lowest and highest, which gthread's hand-over between threads
sets far apart.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from time import monotonic

if __spec__ is None:  # run as a file: this file would hide the standard library's http
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.commandline import names_of, positive
from benchmarks.machine import machine_line
from benchmarks.peers import PEERS, Peer, installed_peers
from benchmarks.tables import progress, table
from benchmarks.workloads import WORKLOADS, Request

TOP = Path(__file__).resolve().parents[1]
WORKER_CLASSES = ("sync", "gthread")
DEFAULT_PEERS = ("apiroutes", "msgspec", "falcon", "flask")
CHOICES = ("W1", "W2", "W3", "W4", "W5", "W10")  # answered with 200 by an application of a few routes
COLUMNS = ["requests/s", "p50 ms", "p99 ms", "CPU us/request", "lowest-highest"]


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
    """What the client sends."""

    request: bytes
    connections: int
    requests: int  # on each connection


@dataclass(frozen=True)
class Figures:
    """What one server did under the load."""

    requests_per_second: float
    p50: float
    p99: float
    cpu: float | None  # seconds per request


def cells(repeats: Sequence[Figures]) -> list[str]:
    """A row of the table: medians, and how far the CPU times are apart."""
    row = [
        f"{median(figures.requests_per_second for figures in repeats):,.0f}",
        f"{median(figures.p50 for figures in repeats) * 1e3:.2f}",
        f"{median(figures.p99 for figures in repeats) * 1e3:.2f}",
    ]
    cpu = [figures.cpu * 1e6 for figures in repeats if figures.cpu is not None]
    return [*row, f"{median(cpu):,.0f}", f"{min(cpu):,.0f}-{max(cpu):,.0f}"] if cpu else [*row, "-", "-"]


# One server.


def measure(peer: Peer, worker_class: str, load: Load, deadline: Deadline) -> Figures:
    with gunicorn(peer, worker_class) as (process, port):
        ask(port, Load(load.request, load.connections, 25), deadline)  # it is up, and warm
        before = cpu_seconds(process.pid)
        seconds, latencies = ask(port, load, deadline)
        after = cpu_seconds(process.pid)
    count = len(latencies)
    cpu = None if before is None or after is None else (after - before) / count
    return Figures(count / seconds, latencies[count // 2], latencies[count * 99 // 100], cpu)


@contextmanager
def gunicorn(peer: Peer, worker_class: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A running gunicorn and its port; stopped at the end, however that comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", f"{peer.module}:application()"]
        command += ["--bind", f"fd://{listener.fileno()}", "--worker-class", worker_class, "--workers", "1"]
        command += ["--threads", "1" if worker_class == "sync" else "4"]
        command += ["--no-control-socket", "--log-level", "error"]
        process = subprocess.Popen(command, cwd=TOP, env=_environment(), pass_fds=[listener.fileno()])
    try:
        yield process, port
    finally:
        stop(process)


def _environment() -> dict[str, str]:
    """This process's environment without the settings that gunicorn and the peers would read from it."""
    own = ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "PORT")
    return {name: value for name, value in os.environ.items() if name not in own}


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the master, which stops its worker; SIGKILL to both when that takes too long."""
    pids = [process.pid, *worker_pids(process.pid)]
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def ask(port: int, load: Load, deadline: Deadline) -> tuple[float, list[float]]:
    """Run the client: seconds it took, and the sorted latencies. Connections wait for a server that boots."""
    command = [sys.executable, "-m", "benchmarks.client", "--port", str(port)]
    command += ["--connections", str(load.connections), "--requests", str(load.requests)]
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
        return sum(_cpu_ticks(one) for one in (pid, *worker_pids(pid))) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return None


def _cpu_ticks(pid: int) -> int:
    # proc(5): utime and stime are fields 14 and 15; field 2, the name in parentheses, may hold blanks
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def worker_pids(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def raw_request(request: Request) -> bytes:
    """The bytes on the wire of a workload's request."""
    environ = request.environ
    lines = [f"{environ['REQUEST_METHOD']} {environ['RAW_URI']} {environ['SERVER_PROTOCOL']}"]
    for name, value in environ.items():
        if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            lines.append(f"{name.removeprefix('HTTP_').replace('_', '-').title()}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.content


# The command line.


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--workload", choices=CHOICES, default="W1", help="default: %(default)s")
    add("--peers", type=names_of(PEERS), default=DEFAULT_PEERS, metavar="NAMES", help=f"of {','.join(PEERS)}")
    add("--connections", type=positive, default=8, help="default: %(default)s")
    add("--repeats", type=positive, default=3, help="of each server (default: %(default)s)")
    add("--requests", type=positive, default=200, help="on each connection (default: %(default)s)")
    add("--time-limit", type=float, default=60, metavar="SECONDS", help="default: %(default)s")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that servers are stopped
    deadline = Deadline(monotonic() + chosen.time_limit)
    workload = WORKLOADS[chosen.workload]()
    load = Load(raw_request(workload.requests[0]), chosen.connections, chosen.requests)
    peers = installed_peers(chosen.peers)
    print(machine_line(["gunicorn", *(peer.needs for peer in peers if peer.needs)]))
    print(f"{workload.name}, {workload.title}: {load.connections} connections, {load.requests} requests each")
    in_time = True
    seen: dict[tuple[str, str], list[Figures]] = {}
    try:
        for worker_class, peer in list(product(WORKER_CLASSES, peers)) * chosen.repeats:
            progress(f"{worker_class}: {peer.title}")
            seen.setdefault((worker_class, peer.title), []).append(
                measure(peer, worker_class, load, deadline)
            )
    except OutOfTimeError:
        in_time = False
    finally:
        progress("")
    for worker_class in WORKER_CLASSES:
        rows = {title: cells(repeats) for (name, title), repeats in seen.items() if name == worker_class}
        print("\n".join(["", *table(f"gunicorn {worker_class}", COLUMNS, rows)]))
    if not in_time:
        print(f"stopped at the time limit of {chosen.time_limit:g} s", file=sys.stderr)
    return 0 if in_time else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
