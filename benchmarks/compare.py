"""Is this checkout slower than another one?

Both run the same workloads, each in a process of its own; the processes take turns, and each goes first in
every other turn. A turn gives a ratio: the CPU time of this checkout to that of the other, each less that of
the empty application. The figure is the median of the ratios. Other load on the machine affects both alike.
New pairs of processes even out that one may be laid out better in memory.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from time import thread_time_ns

if __spec__ is None:  # run as a file: the modules beside it (http, falcon) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.commandline import names_of, positive
from benchmarks.contenders import Contender, contenders, empty_application
from benchmarks.peers import PEERS
from benchmarks.tables import progress, table
from benchmarks.timing import time_calls
from benchmarks.workloads import WORKLOADS

TOP = Path(__file__).resolve().parents[1]

# Only the package is the other checkout's: the same code measures both.
CHILD = """
import sys
root, top, *names = sys.argv[1:]
sys.path.insert(0, root)
import apiroutes
if apiroutes.__file__ != f"{root}/apiroutes/__init__.py":
    sys.exit(f"{root} does not contain apiroutes")
sys.path[0] = top
from benchmarks.compare import take_turns
take_turns(names)
"""


def take_turns(names: Sequence[str]) -> None:
    """In a child: print an empty line when ready, then a figure for each name read from standard input."""
    workloads = [WORKLOADS[name]() for name in names]
    ours = {contender.workload.name: contender for contender in contenders(PEERS["apiroutes"], workloads)}
    gc.collect()
    gc.freeze()
    gc.disable()
    print(flush=True)
    for line in sys.stdin:
        print(_net_nanoseconds(ours[line.strip()]), flush=True)


def _net_nanoseconds(contender: Contender) -> float:
    """Return CPU nanoseconds per call, less those of the empty application just before and after."""
    workload = contender.workload
    before = time_calls(empty_application, workload, thread_time_ns)
    ours = time_calls(contender.application, workload, thread_time_ns)
    after = time_calls(empty_application, workload, thread_time_ns)
    return ours - min(before, after)


@dataclass(frozen=True)
class Checkout:
    """A child process that measures a checkout on request."""

    child: subprocess.Popen[str]

    def measure(self, workload: str) -> float:
        assert self.child.stdin is not None
        self.child.stdin.write(f"{workload}\n")
        self.child.stdin.flush()
        return float(self.read_line())

    def read_line(self) -> str:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise ChildEndedError
        return line


class ChildEndedError(Exception):
    """A checkout could not be measured; its child has printed the reason to standard error."""


@contextmanager
def checkout(root: Path, names: Sequence[str]) -> Iterator[Checkout]:
    command = [sys.executable, "-c", CHILD, str(root), str(TOP), *names]
    # The child ends, and cleans up, at the end of its input.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        measured = Checkout(child)
        measured.read_line()
        yield measured


def compare(base: Path, names: Sequence[str], pairs: int, turns: int) -> dict[str, list[tuple[float, float]]]:
    """Return, by workload, the nanoseconds of the other checkout and of this one in every turn."""
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for pair in range(pairs):
        with ExitStack() as children:
            other = children.enter_context(checkout(base, names))
            this = children.enter_context(checkout(TOP, names))
            for turn in range(turns):
                progress(f"pair {pair + 1} of {pairs}, turn {turn + 1} of {turns}")
                for name in names:
                    if (pair + turn) % 2:
                        ours = this.measure(name)
                        theirs = other.measure(name)
                    else:
                        theirs = other.measure(name)
                        ours = this.measure(name)
                    measured[name].append((theirs, ours))
    progress("")
    return measured


def rows(measured: dict[str, list[tuple[float, float]]]) -> dict[str, list[str]]:
    cells = {}
    for name, turns in measured.items():
        ratios = [ours / theirs for theirs, ours in turns]
        lower, _, upper = quantiles(ratios, n=4)
        cells[name] = [
            f"{median(theirs for theirs, _ in turns):,.0f}",
            f"{median(ours for _, ours in turns):,.0f}",
            f"{median(ratios):.3f}",
            f"{lower:.3f}-{upper:.3f}",
        ]
    return cells


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--base", type=Path, required=True, metavar="DIR", help="top directory of the other checkout")
    default = ["W1", "W2", "W6", "W7", "W8"]
    add("--only", type=names_of(WORKLOADS), default=default, metavar="W1,W3", help=f"default: {default}")
    add("--pairs", type=positive, default=6, help="pairs of processes (default: %(default)s)")
    add("--turns", type=positive, default=20, help="turns of each pair (default: %(default)s)")
    add("--most", type=float, metavar="RATIO", help="exit with status 1 if a ratio is higher")
    add("--json", type=Path, metavar="FILE", help="also write the nanoseconds of every turn to FILE")
    chosen = parser.parse_args(arguments)
    chosen.base = chosen.base.resolve()
    if chosen.pairs * chosen.turns < 2:
        parser.error("the spread needs at least two turns")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    try:
        measured = compare(chosen.base, chosen.only, chosen.pairs, chosen.turns)
    except ChildEndedError:
        return 2
    print(
        "\n".join(table("CPU ns", ["the other", "this one", "ratio", "half of the ratios"], rows(measured)))
    )
    if chosen.json:
        chosen.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    ratios = {name: median(ours / theirs for theirs, ours in turns) for name, turns in measured.items()}
    above = [name for name, ratio in ratios.items() if chosen.most is not None and ratio > chosen.most]
    if above:
        print(f"\n{', '.join(above)}: more than {chosen.most:g} times the other checkout's")
    return 1 if above else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
