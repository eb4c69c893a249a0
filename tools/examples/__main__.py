"""`python -m tools.examples`: checks each example in separate processes.

In: the directories in examples/ that contain a README.md. Out: a line for each, and what has failed: its
tests, the commands of its README, whose output must be as shown, or its types. Exit status 1 if anything has
failed.

Modules of different examples have the same names, so no process sees more than one of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from apiroutes.terminal import BOLD, GREEN, RED, YELLOW, paint_for

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
COMMANDS = "tests/documents/test_shown_commands.py::test_commands_print_what_a_page_shows"
CACHES = ROOT / ".mypy_cache" / "examples"
MOST_SECONDS = 300  # of one process
# Variables that would change how a project runs are not inherited.
FOREIGN = ("APIROUTES_", "FORWARDED_", "GUNICORN_", "PORT", "REDIS_URL", "WEB_CONCURRENCY")


@dataclass
class Outcome:
    """The outcome of an example: `told` has the outcome of each part, `output` what has failed, or ""."""

    name: str
    told: dict[str, str]
    seconds: float
    output: str


def run(example: Path, has_colour: bool) -> Outcome:
    """Run the tests of an example, the commands of its README, and mypy."""
    began = time.monotonic()
    # A reader runs `python -m pytest`; the rest keeps the runs apart.
    options = ["-q", f"--color={'yes' if has_colour else 'no'}", "-p", "no:cacheprovider"]
    # With the example's configuration, or none, but not the configuration of this repository, which is above
    # it.
    mypy = ["--config-file=pyproject.toml", "--explicit-package-bases", "--no-error-summary"]
    runs = {
        "tests": _call(example, "pytest", *options, "-W", "error"),
        "types": _call(example, "mypy", *mypy, f"--cache-dir={CACHES / example.name}", "."),
    }
    if example.parent == EXAMPLES:  # its page is one of the documents
        runs["README"] = _call(ROOT, "pytest", *options, f"{COMMANDS}[examples/{example.name}/README.md]")
    told = {what: "FAILED" if done.returncode else "passed" for what, done in runs.items()}
    told["tests"] += f" ({_counts(runs['tests'].stdout)})"
    output = "\n".join(done.stdout for done in runs.values() if done.returncode)
    return Outcome(example.name, told, time.monotonic() - began, output)


def _counts(output: str) -> str:
    """Return the summary of pytest, such as "5 passed, 1 skipped"."""
    last = output.strip().rpartition("\n")[2]
    return ", ".join(re.findall(r"\d+ (?:passed|failed|skipped|errors?)\b", last)) or "no tests"


def _call(directory: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    paths = {"PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    # Only our plugin of pytest: importing all installed plugins takes longer than most of the tests.
    plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "apiroutes.pytest_plugin"}
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile("w+") as output:  # not a pipe, which a remaining server would hold open
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=own | paths | plugins,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            process.wait(MOST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        output.seek(0)
        return subprocess.CompletedProcess(command, process.returncode, output.read())


def outcomes(chosen: list[Path], jobs: int, has_colour: bool) -> Iterator[Outcome]:
    """Run examples at the same time, and yield their outcomes in order."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(run, chosen, [has_colour] * len(chosen))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--jobs", default=2, show_default=True, type=click.IntRange(1), help="How many examples run at a time."
)
@click.option("--directory", default=EXAMPLES, type=Path, help="Where the examples are.")
def main(names: tuple[str, ...], jobs: int, directory: Path) -> None:
    """Check all examples, or the named ones: tests, the commands of the README, types."""
    known = {path.parent.name: path.parent for path in sorted(directory.glob("*/README.md"))}
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"there is no example {unknown[0]!r}. There are: {', '.join(known)}.")
    chosen = [known[name] for name in names or known]
    paint = paint_for(sys.stdout)
    failed = []
    width = max([len("example"), *(len(example.name) for example in chosen)])
    click.echo(paint(f"{'example':{width}}  seconds  types   README  tests", BOLD), color=paint.is_on)
    for done in outcomes(chosen, jobs, paint.is_on):
        style = RED if done.output else YELLOW if "skipped" in done.told["tests"] else GREEN
        columns = [f"{done.told.get(what, '-'):6}" for what in ("types", "README", "tests")]
        row = "  ".join([f"{done.name:{width}}", f"{done.seconds:7.1f}", *columns])
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
