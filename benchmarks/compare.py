"""Is this checkout slower than another one?

Both answer the same workloads, in processes of their own that take turns: first the one, then the other, then
the other first. A turn gives a ratio, CPU time of this checkout to that of the other, the empty application
subtracted from both; the figure is the median of the ratios. What else the machine does meets both alike, and
new pairs of processes keep one that was laid out well in memory from deciding.
"""

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
from benchmarks.inprocess import OURS, Contender, contenders, empty_application, time_calls
from benchmarks.peers import PEERS
from benchmarks.tables import progress, table
from benchmarks.workloads import WORKLOADS

TOP = Path(__file__).resolve().parents[1]

# Only the package is the other checkout's: both are asked the same, by the same code.
CHILD = """
import sys
root, top, *names = sys.argv[1:]
sys.path.insert(0, root)
import apiroutes
if apiroutes.__file__ != f"{root}/apiroutes/__init__.py":
    sys.exit(f"{root} holds no apiroutes")
sys.path[0] = top
from benchmarks.compare import take_turns
take_turns(names)
"""


def take_turns(names: Sequence[str]) -> None:
    """In a child: a turn for each name that is read, a figure printed for it; ready when an empty line is."""
    workloads = [WORKLOADS[name]() for name in names]
    ours = {contender.workload.name: contender for contender in contenders(PEERS[OURS], workloads)}
    gc.collect()
    gc.freeze()
    gc.disable()
    print(flush=True)
    for line in sys.stdin:
        print(_net_nanoseconds(ours[line.strip()]), flush=True)


def _net_nanoseconds(contender: Contender) -> float:
    """CPU nanoseconds per call, less those of the empty application just before and after."""
    workload = contender.workload
    before = time_calls(empty_application, workload, thread_time_ns)
    ours = time_calls(contender.application, workload, thread_time_ns)
    after = time_calls(empty_application, workload, thread_time_ns)
    return ours - min(before, after)


@dataclass(frozen=True)
class Checkout:
    """A child that measures one checkout when it is asked to."""

    child: "subprocess.Popen[str]"

    def measure(self, workload: str) -> float:
        assert self.child.stdin is not None
        self.child.stdin.write(f"{workload}\n")
        self.child.stdin.flush()
        return float(self.answer())

    def answer(self) -> str:
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        if not line:
            raise ChildEndedError
        return line


class ChildEndedError(Exception):
    """A checkout could not be measured; its child has said why on standard error."""


@contextmanager
def checkout(root: Path, names: Sequence[str]) -> Iterator[Checkout]:
    command = [sys.executable, "-c", CHILD, str(root), str(TOP), *names]
    # It ends when its input does, and cleans up.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        measured = Checkout(child)
        measured.answer()
        yield measured


def compare(base: Path, names: Sequence[str], pairs: int, turns: int) -> dict[str, list[tuple[float, float]]]:
    """The nanoseconds of the other checkout and of this one, by workload, of every turn."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
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
                    found[name].append((theirs, ours))
    progress("")
    return found


def rows(found: dict[str, list[tuple[float, float]]]) -> dict[str, list[str]]:
    shown = {}
    for name, turns in found.items():
        ratios = [ours / theirs for theirs, ours in turns]
        lower, _, upper = quantiles(ratios, n=4)
        shown[name] = [
            f"{median(theirs for theirs, _ in turns):,.0f}",
            f"{median(ours for _, ours in turns):,.0f}",
            f"{median(ratios):.3f}",
            f"{lower:.3f}-{upper:.3f}",
        ]
    return shown


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--base", type=Path, required=True, metavar="DIR", help="the other checkout's top directory")
    default = ["W1", "W2", "W6", "W7", "W8"]
    add("--only", type=names_of(WORKLOADS), default=default, metavar="W1,W3", help=f"default: {default}")
    add("--pairs", type=positive, default=6, help="pairs of processes (default: %(default)s)")
    add("--turns", type=positive, default=20, help="turns of each pair (default: %(default)s)")
    add("--most", type=float, metavar="RATIO", help="exit status 1 when a ratio is higher, such as 1.03")
    add("--json", type=Path, metavar="FILE", help="write the nanoseconds of every turn to FILE too")
    chosen = parser.parse_args(arguments)
    chosen.base = chosen.base.resolve()
    if chosen.pairs * chosen.turns < 2:
        parser.error("a spread needs two turns")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = parse_arguments(arguments)
    try:
        found = compare(chosen.base, chosen.only, chosen.pairs, chosen.turns)
    except ChildEndedError:
        return 2
    print("\n".join(table("CPU ns", ["the other", "this one", "ratio", "half of the ratios"], rows(found))))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    ratios = {name: median(ours / theirs for theirs, ours in turns) for name, turns in found.items()}
    above = [name for name, ratio in ratios.items() if chosen.most is not None and ratio > chosen.most]
    if above:
        print(f"\n{', '.join(above)}: more than {chosen.most:g} times the other's")
    return 1 if above else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
