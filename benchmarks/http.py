"""What does a request cost over loopback, under gunicorn, granian and uvicorn with one worker?

Every cell of the tables starts a server, checks a response, warms it up, loads it with wrk (or `client.py`
where wrk is not installed) and stops it. The server's processes have one core and the client has another,
where taskset can do that. Cells are measured in turn, several times; a figure is the median. Compare the CPU
time, of all processes of the server, from /proc: requests per second vary by a quarter from run to run, and
more where the column "CPU" shows that the server did not get the whole core. `--quick` measures once what the
goals need, in a minute.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from subprocess import CalledProcessError
from time import monotonic

if __spec__ is None:  # run as a file: this file would hide the standard library's http
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from http.client import HTTPException

from benchmarks import generators, http_goals
from benchmarks.cells import Cell, Figures, Measured, WrongResponseError, measure, median_rate
from benchmarks.commandline import names_of, positive
from benchmarks.deadline import Deadline, OutOfTimeError
from benchmarks.deployments import DEPLOYED, usable
from benchmarks.loads import LOADS
from benchmarks.machine import machine_line
from benchmarks.processes import SERVER_CORE
from benchmarks.servers import SERVERS
from benchmarks.tables import progress, table

COLUMNS = ["requests/s", "p50 ms", "p99 ms", "CPU us/request", "lowest-highest", "CPU", "MB", "errors"]


def plan(chosen: argparse.Namespace) -> list[Cell]:
    """Return the cells that are chosen, those of one table after another."""
    deployments = list(usable(chosen.peers, chosen.servers))
    cells = [
        Cell(load.name, connections, deployment)
        for load in (LOADS[name] for name in chosen.only)
        for connections in chosen.connections or load.connections
        for deployment in deployments
        if deployment.takes(load)
    ]
    return [cell for cell in cells if cell in http_goals.CELLS] if chosen.quick else cells


def measure_all(chosen: argparse.Namespace, cells: Sequence[Cell], measured: Measured) -> list[str]:
    """Fill in the figures. Return what went wrong; a cell that failed is not measured again."""
    deadline = Deadline(monotonic() + chosen.time_limit)
    failures: dict[Cell, str] = {}
    rounds = [(repeat, cell) for repeat in range(chosen.repeats) for cell in cells]
    for number, (_, cell) in enumerate(rounds):
        if cell in failures:
            continue
        progress(f"{number + 1} of {len(rounds)}: {cell.title}")
        try:
            figures = measure(cell, chosen.seconds, deadline)
            measured.setdefault(cell, []).append(figures)
        except OutOfTimeError:
            failures[cell] = f"stopped at the time limit of {chosen.time_limit:g} s, at {cell.title}"
            break
        except (OSError, HTTPException, WrongResponseError, CalledProcessError) as error:
            failures[cell] = f"{cell.title}: {error}"
    progress("")
    return list(failures.values())


def report(measured: Measured) -> Iterator[str]:
    """Yield the lines of a table for each load and number of connections."""
    tables: dict[str, dict[str, list[str]]] = {}
    for cell, repeats in measured.items():
        tables.setdefault(cell.table, {})[cell.deployment.title] = row(repeats)
    for title, rows in tables.items():
        yield from ("", *table(title, COLUMNS, rows))


def row(repeats: Sequence[Figures]) -> list[str]:
    """Return the cells of a row: medians, the range of the CPU times, its part of a core, and all errors."""
    cpu = [figures.cpu * 1e6 for figures in repeats if figures.cpu is not None]
    memory = [figures.megabytes for figures in repeats if figures.megabytes is not None]
    return [
        f"{median_rate(repeats):,.0f}",
        f"{median(figures.p50 for figures in repeats) * 1e3:.2f}",
        f"{median(figures.p99 for figures in repeats) * 1e3:.2f}",
        f"{median(cpu):,.1f}" if cpu else "-",
        f"{min(cpu):,.1f}-{max(cpu):,.1f}" if cpu else "-",
        f"{median_rate(repeats) * median(cpu) / 1e6:.0%}" if cpu else "-",
        f"{median(memory):,.0f}" if memory else "-",
        str(sum(figures.errors for figures in repeats) or "-"),
    ]


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--only", type=names_of(LOADS), default=list(LOADS), metavar="LOADS", help=",".join(LOADS))
    add("--peers", type=names_of(DEPLOYED), default=list(DEPLOYED), metavar="NAMES", help=",".join(DEPLOYED))
    add("--servers", type=names_of(SERVERS), default=list(SERVERS), metavar="NAMES", help=",".join(SERVERS))
    add("--connections", type=positive, nargs="+", metavar="N", help="instead of each load's own")
    add("--quick", action="store_true", help="only what the goals need, and only once")
    add("--repeats", type=positive, help="of each cell (default: 3, or 1 with --quick)")
    add("--seconds", type=positive, default=2, help="of load each time (default: %(default)s)")
    add("--time-limit", type=float, default=2700, metavar="SECONDS", help="default: %(default)s")
    add("--goals", action="store_true", help="exit with status 1 when a goal is missed")
    chosen = parser.parse_args(arguments)
    chosen.repeats = chosen.repeats or (1 if chosen.quick else 3)
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that servers are stopped
    cells = plan(chosen)
    print(machine_line(sorted({name for cell in cells for name in cell.deployment.needs})))
    cores = "any core" if SERVER_CORE is None else "one core"
    print(f"server on {cores}, load by {generators.GENERATOR}; {chosen.repeats} times {chosen.seconds} s")
    measured: Measured = {}
    failures = measure_all(chosen, cells, measured)
    print("\n".join(report(measured)))
    goals = list(http_goals.goals_report(measured))
    print("\n".join(["", *(line for line, _ in goals), *failures]))
    all_reached = all(reached for _, reached in goals)
    return 1 if failures or (chosen.goals and not all_reached) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
