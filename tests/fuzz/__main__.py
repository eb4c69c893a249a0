"""Run every property of the tests at length: `python -m tests.fuzz [--seconds 600] [NAME...]`.

Each property has its share of the time, in processes of its own: half of it by hypothesis, and half
guided by coverage where atheris is installed. Prints a line for each, and what was found, in the
smallest form that hypothesis makes of it. The exit status is 1 when something was found.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import os
import pkgutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import tests

ATHERIS = importlib.util.find_spec("atheris") is not None
GRACE = 120  # seconds beyond its share that a property may take for its smallest example


@dataclass(frozen=True)
class Outcome:
    """How a property's share of the time ended."""

    name: str
    examples: int
    seconds: float
    found: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="properties with this in their names")
    parser.add_argument("--seconds", type=float, default=600, help="for all together [default: 600]")
    parser.add_argument("--one", choices=["hypothesis", "atheris"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        return _run_one(arguments.one, arguments.names[0], arguments.seconds)
    chosen = [
        name for name in properties() if not arguments.names or any(part in name for part in arguments.names)
    ]
    if not chosen:
        parser.error(f"no property is called like {' or '.join(arguments.names)}")
    engines = ["hypothesis", "atheris"] if ATHERIS else ["hypothesis"]
    jobs = [(engine, name) for name in chosen for engine in engines]
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = arguments.seconds * workers / len(jobs)
    print(
        f"{len(chosen)} properties by {' and '.join(engines)}, {share:.1f} s each, {workers} at a time",
        flush=True,
    )
    found = []
    with ThreadPoolExecutor(workers) as pool:
        for number, outcome in enumerate(pool.map(lambda job: _run(job[0], job[1], share), jobs), 1):
            verdict = "FOUND" if outcome.found else "ok"
            print(
                f"[{number}/{len(jobs)}] {outcome.name}: {outcome.examples:,} examples, "
                f"{outcome.seconds:.0f} s, {verdict}",
                flush=True,
            )
            if outcome.found:
                found.append(outcome)
    for outcome in found:
        print(f"\n{outcome.name}\n{outcome.found}")
    print(f"\n{len(found)} findings")
    return 1 if found else 0


def properties() -> dict[str, Callable[[], None]]:
    """All properties of the tests that need nothing but what hypothesis draws, by their names."""
    found: dict[str, Callable[[], None]] = {}
    for module in _modules():
        for name, function in vars(module).items():
            is_property = getattr(function, "is_hypothesis_test", False)
            if (
                is_property
                and function.__module__ == module.__name__
                and not inspect.signature(function).parameters
            ):
                found[f"{module.__name__.removeprefix('tests.')}.{name}"] = function
    return found


def _modules() -> Iterator[Any]:
    for module in pkgutil.walk_packages(tests.__path__, "tests."):
        if module.name.rpartition(".")[2].startswith("test_"):
            yield importlib.import_module(module.name)


def _run(engine: str, name: str, seconds: float) -> Outcome:
    began = time.monotonic()
    command = [sys.executable, "-m", "tests.fuzz", "--one", engine, "--seconds", str(seconds), name]
    limit, shown = seconds + GRACE, f"{name} ({engine})"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, errors="replace")
    except subprocess.TimeoutExpired:
        return Outcome(shown, 0, limit, f"it did not end within {limit:.0f} s")
    lines = [line for line in done.stdout.splitlines() if line.startswith("examples ")]
    examples = [int(line.rpartition(" ")[2]) for line in lines]
    said = "" if done.returncode == 0 else f"{done.stdout}\n{done.stderr}"[-8000:]
    return Outcome(shown, sum(examples), time.monotonic() - began, said)


def _run_one(engine: str, name: str, seconds: float) -> int:
    if engine == "atheris":
        return _run_atheris(name, seconds)
    function = properties()[name]
    counted = _Counted(function)
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            function()  # with another seed each time
    finally:
        print("examples", counted.count, flush=True)
    return 0


class _Counted:
    """Counts the examples of a property."""

    def __init__(self, function: Any) -> None:
        self.count = 0
        inner = function.hypothesis.inner_test

        def counting(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            return inner(*arguments, **named)

        function.hypothesis.inner_test = counting


def _run_atheris(name: str, seconds: float) -> int:
    import atheris

    with atheris.instrument_imports(include=["apiroutes"], enable_loader_override=False):
        function: Any = properties()[name]
    counted = _Counted(function)

    def fuzz(data: bytes) -> None:
        try:
            function.hypothesis.fuzz_one_input(data)
        finally:
            if time.monotonic() > until:
                print("examples", counted.count, flush=True)
                os._exit(0)

    until = time.monotonic() + seconds
    atheris.Setup([sys.argv[0], "-rss_limit_mb=2048", "-timeout=60", "-max_len=4096"], fuzz)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
