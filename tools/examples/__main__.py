"""`python -m tools.examples`: run the tests and check the types of each example, in processes of its own.

In: the directories in examples/ that have a README.md. Out: a line for each, and what has failed.
Exit status 1 if anything has.

Modules of different examples have the same names, so no process sees more than one of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from apiroutes.terminal import BOLD, GREEN, RED, YELLOW, paint_for

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS = 300  # of one example
# What would change how a project runs is not inherited.
FOREIGN = ("APIROUTES_", "FORWARDED_", "GUNICORN_", "PORT", "REDIS_URL", "WEB_CONCURRENCY")


@dataclass
class Outcome:
    """How an example has fared: `output` is what has failed, or empty."""

    name: str
    tests: str
    types: str
    seconds: float
    output: str


def run(example: Path, has_colour: bool) -> Outcome:
    """Run the tests of an example, those of its README among them, and mypy."""
    began = time.monotonic()
    colour = f"--color={'yes' if has_colour else 'no'}"
    # A reader runs `python -m pytest`; the rest keeps the runs apart, and checks what the README shows.
    options = ["-q", colour, "-W", "error", "-p", "no:cacheprovider", "-p", "no:ddtrace"]
    tests = _call(example, "pytest", *options, "-p", "tools.examples.readme")
    cache = ROOT / ".mypy_cache" / "examples" / example.name
    types = _call(example, "mypy", "--no-error-summary", f"--cache-dir={cache}", ".")
    failed = [done.stdout for done in (tests, types) if done.returncode]
    summary = re.findall(r"\d+ (?:passed|failed|skipped|errors?)\b", tests.stdout.rpartition("\n\n")[2])
    return Outcome(
        example.name,
        ("FAILED: " if tests.returncode else "") + (", ".join(summary) or f"exit status {tests.returncode}"),
        "FAILED" if types.returncode else "passed",
        time.monotonic() - began,
        "\n".join(failed),
    )


def _call(example: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    paths = {"PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=example,
        env=own | paths,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MOST_SECONDS,
    )


def outcomes(chosen: list[Path], jobs: int, has_colour: bool) -> Iterator[Outcome]:
    """Run examples side by side, and give their outcomes in their order."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(run, chosen, [has_colour] * len(chosen))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1), help="How many run at a time.")
@click.option("--directory", default=ROOT / "examples", type=Path, help="Where the examples are.")
def main(names: tuple[str, ...], jobs: int, directory: Path) -> None:
    """Run the tests of all examples, or of those that are named, and check their types."""
    known = {path.parent.name: path.parent for path in sorted(directory.glob("*/README.md"))}
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"there is no example {unknown[0]!r}. There are: {', '.join(known)}.")
    chosen = [known[name] for name in names or known]
    paint = paint_for(sys.stdout)
    failed = []
    width = max([len("example"), *(len(example.name) for example in chosen)])
    click.echo(paint(f"{'example':{width}}  seconds  types   tests", BOLD), color=paint.is_on)
    for done in outcomes(chosen, jobs, paint.is_on):
        style = RED if done.output else YELLOW if "skipped" in done.tests else GREEN
        row = f"{done.name:{width}}  {done.seconds:7.1f}  {done.types:6}  {done.tests}"
        click.echo(paint(row, style), color=paint.is_on)
        failed += [done] if done.output else []
    for done in failed:
        click.echo(f"\n{paint(f'examples/{done.name}', BOLD)}\n\n{done.output}", color=paint.is_on)
    what = "example" if len(chosen) == 1 else "examples"
    total = f"{len(failed)} of {len(chosen)} {what} failed." if failed else f"{len(chosen)} {what} passed."
    click.echo(f"\n{paint(total, BOLD)}", color=paint.is_on)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main(prog_name="python -m tools.examples")
