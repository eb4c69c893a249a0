"""All measurements one after the other, written to benchmarks/RESULTS.md.

Each runs in a process of its own. Its output stands under its question, with the command that repeats it. A
failure is reported in its place, and makes the exit status 1. The file is replaced after all have run.
"""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

if __spec__ is None:  # run as a file: the modules beside it (http, peers) must not hide the real ones
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.machine import machine_line
from benchmarks.peers import ASYNC_PEERS, PEERS
from benchmarks.tables import progress

TOP = Path(__file__).resolve().parents[1]
RESULTS = TOP / "benchmarks" / "RESULTS.md"
OWN = ("apiroutes", "werkzeug", "gunicorn", "granian", "uvicorn", "msgspec", "xxhash")


@dataclass(frozen=True)
class Part:
    """A measurement: its module, its arguments, and further arguments that make it short."""

    module: str
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()

    def command(self, quick: bool) -> list[str]:
        return ["-m", f"benchmarks.{self.module}", *self.arguments, *(self.quick if quick else ())]

    def question(self) -> str:
        source = (TOP / "benchmarks" / f"{self.module}.py").read_text(encoding="utf-8")
        return (ast.get_docstring(ast.parse(source)) or self.module).partition("\n")[0]


PARTS = (
    Part("opcodes"),
    Part("inprocess", ("--goals",), ("--rounds", "3")),
    Part("variants", ("--goals",), ("--rounds", "3")),
    Part("typed", (), ("--rounds", "3")),
    Part("routes", (), ("10", "1000")),
    Part("startup", ("--goals",), ("10", "1000", "--rounds", "1")),
    Part("reload", ("--goals",), ("--rounds", "2")),
    Part("memory", (), ("1000",)),
    Part("http", ("--goals",), ("--quick",)),
)


@dataclass(frozen=True)
class Outcome:
    """The output of a measurement, and its exit status."""

    part: Part
    command: list[str]
    output: str
    status: int
    seconds: float


def run(part: Part, quick: bool) -> Outcome:
    command = part.command(quick)
    start = time.monotonic()
    done = subprocess.run([sys.executable, *command], cwd=TOP, capture_output=True, text=True)
    output = done.stdout if done.stdout else done.stderr.strip().rpartition("\n")[2]
    return Outcome(part, command, output.strip("\n"), done.returncode, time.monotonic() - start)


def _needs() -> set[str]:
    return {peer.needs for peer in (PEERS | ASYNC_PEERS).values() if peer.needs}


def markdown(outcomes: Sequence[Outcome]) -> Iterator[str]:
    distributions = [*OWN, *sorted(_needs() - set(OWN))]
    yield "# Benchmark results"
    yield ""
    yield f"{date.today().isoformat()}; {machine_line(distributions)}."
    yield ""
    yield (
        "Written by `make bench`. The figures are those of the version above; repeat them for another one. "
        "[README.md](README.md) says what is compared and how to read it. A wide table scrolls."
    )
    for outcome in outcomes:
        yield ""
        yield f"## {outcome.part.question()}"
        yield ""
        yield f"`python {' '.join(outcome.command)}` ({outcome.seconds:.0f} s)"
        if outcome.status:
            yield _reason(outcome)
        yield ""
        yield "```text"
        yield outcome.output
        yield "```"


def _reason(outcome: Outcome) -> str:
    """Return why the exit status of a measurement is not 0."""
    if "MISSED" in outcome.output:
        return "It missed a goal: see MISSED in its last lines."
    return f"It failed with exit status {outcome.status}; its last line says why."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a trial run in a minute, with rough figures")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FILE", help="default: RESULTS.md")
    chosen = parser.parse_args(arguments)
    outcomes = []
    for part in PARTS:
        progress(f"{part.module} {' '.join(part.arguments)}")
        outcomes.append(run(part, chosen.quick))
    progress("")
    new = chosen.output.with_suffix(".new")
    new.write_text("\n".join(markdown(outcomes)) + "\n", encoding="utf-8")
    os.replace(new, chosen.output)
    for outcome in outcomes:
        ended = "" if not outcome.status else f"  ended with status {outcome.status}"
        print(f"{outcome.seconds:6.0f} s  {' '.join(outcome.command[1:])}{ended}")
    return 1 if any(outcome.status for outcome in outcomes) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
