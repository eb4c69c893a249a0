"""What does a start cost: the import, a project of 10, 1,000 and 10,000 route files, a worker's memory?

Every figure is the median of several fresh interpreters. Projects are written to a temporary directory:
static and dynamic names in directories of twenty, half of them with a function for each method. The first
start compiles every file; later ones use its `__pycache__`. It takes about a minute.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

if __spec__ is None:  # run as a file: the modules beside it (http, peers) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.commandline import positive
from benchmarks.machine import machine_line
from benchmarks.tables import progress, table

TOP = Path(__file__).resolve().parents[1]
SIZES = (10, 1_000, 10_000)
IMPORT_GOAL = 100.0  # milliseconds beyond Werkzeug's own
START_GOAL = 2.0  # seconds, of 1,000 route files
PER_DIRECTORY = 20
COLUMNS = ["first start s", "later starts s", "ms a route", "MB", "KB a route"]

WHOLE = """\
def handler(req, res):
    res.status(200).json({"name": "John Doe"})
"""
BY_METHOD = """\
def GET(req, res):
    return {"id": req.query.get("id")}


def POST(req, res):
    res.status(201).json(req.body)
"""

# The programs that are timed, each in a fresh interpreter.
IMPORT = """
import time
start = time.perf_counter()
import {module}
print((time.perf_counter() - start) * 1000)
"""
IMPORT_BEYOND = """
import time
import werkzeug.wrappers
start = time.perf_counter()
import apiroutes
print((time.perf_counter() - start) * 1000)
"""
START = """
import json, resource, sys, time
import apiroutes
def megabytes():
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) / 1000
    except OSError:  # no /proc: the peak
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
before = megabytes()
start = time.perf_counter()
application = apiroutes.App(sys.argv[1])
seconds = time.perf_counter() - start
json.dump([seconds, before, megabytes()], sys.stdout)
"""


def run(source: str, *arguments: str) -> str:
    """Return what a fresh interpreter prints."""
    command = [sys.executable, "-c", source, *arguments]
    return subprocess.run(command, cwd=TOP, stdout=subprocess.PIPE, check=True, text=True).stdout


def import_times(rounds: int) -> tuple[float, float]:
    """Return the milliseconds of importing Werkzeug's request, and of apiroutes after it."""
    alone, beyond = [], []
    for number in range(rounds):
        progress(f"import {number + 1} of {rounds}")
        alone.append(float(run(IMPORT.format(module="werkzeug.wrappers"))))
        beyond.append(float(run(IMPORT_BEYOND)))
    return median(alone), median(beyond)


def write_project(root: Path, count: int) -> None:
    for number in range(count):
        name = f"[id{number % PER_DIRECTORY}]" if number % 4 == 3 else f"item{number % PER_DIRECTORY}"
        # A dynamic name needs a directory of its own: two side by side would be one place in the path.
        file = f"part{number % PER_DIRECTORY}/{name}" if name.startswith("[") else name
        path = root / f"pages/api/area{number // PER_DIRECTORY}/{file}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(BY_METHOD if number % 2 else WHOLE, encoding="utf-8")


def measure_start(count: int, rounds: int) -> tuple[float, list[str]]:
    """Return the seconds of a later start, and the row of the table."""
    with TemporaryDirectory(prefix="apiroutes-benchmark-") as directory:
        progress(f"{count:,} routes: written")
        write_project(Path(directory), count)
        progress(f"{count:,} routes: first start")
        first, _, _ = json.loads(run(START, directory))
        later = []
        for number in range(rounds):
            progress(f"{count:,} routes: start {number + 1} of {rounds}")
            later.append(json.loads(run(START, directory)))
    seconds = median(start for start, _, _ in later)
    memory = median(after for _, _, after in later)
    growth = median(after - before for _, before, after in later)
    return seconds, [
        f"{first:.2f}",
        f"{seconds:.2f}",
        f"{seconds * 1000 / count:.2f}",
        f"{memory:.0f}",
        f"{growth * 1000 / count:.1f}",
    ]


def goals(beyond: float, seconds: float | None) -> Iterator[tuple[str, bool]]:
    reached = beyond <= IMPORT_GOAL
    yield f"import beyond Werkzeug's: {beyond:.0f} ms, goal <= {IMPORT_GOAL:.0f} ms", reached
    if seconds is not None:
        yield f"start of 1,000 routes: {seconds:.2f} s, goal <= {START_GOAL:g} s", seconds <= START_GOAL


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sizes", nargs="*", type=positive, default=SIZES, help="numbers of route files")
    parser.add_argument("--rounds", type=positive, default=5, help="of each (default: %(default)s)")
    parser.add_argument("--goals", action="store_true", help="exit with status 1 if a goal is missed")
    chosen = parser.parse_args(arguments)
    werkzeug, beyond = import_times(chosen.rounds)
    rows, thousand = {}, None
    for size in chosen.sizes:
        seconds, rows[f"{size:,}"] = measure_start(size, chosen.rounds)
        thousand = seconds if size == 1_000 else thousand
    progress("")
    print(machine_line(["apiroutes", "werkzeug"]))
    print(f"import werkzeug.wrappers {werkzeug:.0f} ms, import apiroutes {beyond:.0f} ms more\n")
    print("\n".join(table("routes", COLUMNS, rows)) + "\n")
    outcomes = list(goals(beyond, thousand))
    for line, reached in outcomes:
        print(f"{line}: {'reached' if reached else 'MISSED'}")
    return 0 if not chosen.goals or all(reached for _, reached in outcomes) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
