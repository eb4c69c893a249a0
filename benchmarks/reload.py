"""How long does `apiroutes dev` take from the save of a file to the new answer?

The project is written to a temporary directory, and served by a real server; a client asks every two
milliseconds. A round saves one file and waits for the answer that has its new content. Between two rounds is
a pause, as between two saves of a person, in which the process for the next reload starts. It takes a minute.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

if __spec__ is None:  # run as a file: the modules beside it (http, peers) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.commandline import positive
from benchmarks.machine import machine_line
from benchmarks.processes import stop
from benchmarks.startup import write_project
from benchmarks.tables import progress, table

TOP = Path(__file__).resolve().parents[1]
GOAL = 150.0  # milliseconds, of the median
INTERVAL = 0.002  # seconds
LONGEST = 30.0  # seconds
COLUMNS = ["median ms", "min", "max", "said ms"]

ROUTE = "def GET():\n    return {}\n"
ASYNC = "async def GET():\n    return {}\n"
HELPER = "value = {}\n"
IMPORTING = "from ._helper import value\n\n\ndef GET():\n    return value\n"

FIXED = {
    "pages/api/probe.py": ROUTE.format(0),
    "pages/api/coroutine.py": ASYNC.format(0),
    "pages/api/importing.py": IMPORTING,
    "pages/api/_helper.py": HELPER.format(0),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--routes", type=positive, default=30, help="route files (default: %(default)s)")
    parser.add_argument("--rounds", type=positive, default=10, help="of each (default: %(default)s)")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between (default: %(default)s)")
    parser.add_argument("--goals", action="store_true", help="exit with status 1 if a goal is missed")
    chosen = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="apiroutes-benchmark-") as directory:
        write_project(Path(directory), chosen.routes)
        for file, source in FIXED.items():
            write(Path(directory) / file, source)
        with developing(Path(directory)) as (port, log):
            rows, medians = measure(Path(directory), port, log, chosen.rounds, chosen.pause)
    progress("")
    print(machine_line(["apiroutes", "werkzeug", "watchfiles"]) + f"; load {os.getloadavg()[0]:.1f}")
    print(f"From save to new answer, {chosen.routes} routes and {len(FIXED) - 1} more\n")
    print("\n".join(table("saved", COLUMNS, rows)) + "\n")
    reached = all(value <= GOAL for value in medians)
    print(
        f"medians: at most {max(medians):.0f} ms, goal <= {GOAL:.0f} ms: {'reached' if reached else 'MISSED'}"
    )
    return 0 if not chosen.goals or reached else 1


def measure(
    root: Path, port: int, log: Path, rounds: int, pause: float
) -> tuple[dict[str, list[str]], list[float]]:
    """Return the rows of the table, and the median of each in milliseconds."""
    cases: dict[str, Callable[[int], tuple[str, str, str]]] = {
        "a route": lambda number: ("probe", "probe", ROUTE.format(number)),
        "an async route": lambda number: ("coroutine", "coroutine", ASYNC.format(number)),
        "a helper of a route": lambda number: ("importing", "_helper", HELPER.format(number)),
        "a new route": lambda number: (f"new{number}", f"new{number}", ROUTE.format(number)),
    }
    rows, medians = {}, []
    for name, case in cases.items():
        times, said = [], []
        for number in range(1, rounds + 1):
            progress(f"{name}: {number} of {rounds}")
            time.sleep(pause)
            path, file, source = case(number)
            start = time.perf_counter()
            write(root / f"pages/api/{file}.py", source)
            wait_for(port, f"/api/{path}", str(number))
            times.append((time.perf_counter() - start) * 1000)
            said.append(float(re.findall(r"Reloaded in (\d+) ms", log.read_text(encoding="utf-8"))[-1]))
        medians.append(median(times))
        rows[name] = [f"{value:.0f}" for value in (median(times), min(times), max(times), median(said))]
    return rows, medians


def write(path: Path, source: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")


@contextlib.contextmanager
def developing(root: Path) -> Iterator[tuple[int, Path]]:
    """Run the development server; yield its port, when it answers, and the file with what it prints."""
    log = root / "log"
    command = [sys.executable, "-m", "apiroutes", "dev", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: "Ctrl-C" in log.read_text(encoding="utf-8"))
        port = int(re.findall(r"http://[\d.]+:(\d+)", log.read_text(encoding="utf-8"))[0])
        wait_for(port, "/api/probe", "0")
        yield port, log
    finally:
        stop(server)


def wait_for(port: int, path: str, content: str) -> None:
    """Ask until the answer has the content. A connection that is refused ends the measurement."""
    wait_until(lambda: answer(port, path) == content)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"nothing happened within {LONGEST:.0f} seconds")
        time.sleep(INTERVAL)


def answer(port: int, path: str) -> str:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
