"""The files and commands of a page, written and executed in the page's order."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

from click.testing import CliRunner

from apiroutes.cli import main
from tests.documents.console import Shell, UnknownCommandError
from tests.documents.not_run import reason_not_to_run
from tests.documents.reading import EXAMPLES, ROOT, Command, Shown, blocks, commands, read

__all__ = ["SLOW_PAGES", "commands_of", "exported_for_pages", "why_not", "write_clients", "wrong_on"]

# Pages whose commands take long, with the test that executes them.
SLOW_PAGES = {"docs/tutorial.md": "tests/acceptance/test_tutorial.py"}
_CURL = 7, 84  # which writes headers by `%header{…}`
# Variables that the commands of pages make, for the tests that do not execute these.
_MADE = {"API_TOKEN": "Vb8Kq2Tz6Wn4Xc9Rm3Lp7Yd"}


def commands_of(page: str) -> list[Command]:
    return [command for block in blocks(page) for command in commands(block)]


def exported_for_pages() -> dict[str, str]:
    """The variables that docs/index.md tells to set, and that pages make."""
    exported = re.findall(r"`export ([^`]+)`", read("docs/index.md"))
    return _MADE | dict(variable.split("=", 1) for variables in exported for variable in variables.split())


def why_not(page: str) -> str | None:
    """Return why the commands of a page cannot be executed here, or None if they can."""
    if not any(re.search(r"\bcurl ", command.text) for command in commands_of(page)):
        return None
    if shutil.which("curl") is None:
        return "curl is not installed"
    told = subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout
    version = tuple(map(int, told.split()[1].split(".")[:2]))
    return None if version >= _CURL else f"curl is older than {_CURL[0]}.{_CURL[1]}"


def _shell_for(page: str, directory: Path) -> Shell:
    """A shell in an empty directory, or for an example's page in one that has the example."""
    root = directory / "project"
    root.mkdir()
    if page not in EXAMPLES:
        return Shell(root, directory / "outside")
    example = Path(page).parent
    left_out = shutil.ignore_patterns("__pycache__", ".*cache", "*.db", ".apiroutes", "node_modules")
    shutil.copytree(ROOT / example, root / example, ignore=left_out)
    return Shell(root, directory / "outside", "/home/me/apiroutes")


def wrong_on(page: str, directory: Path) -> list[str]:
    """Write the files and execute the commands of a page; return what is wrong, each with its place."""
    shell = _shell_for(page, directory)
    wrong = []
    try:
        for block in blocks(page):
            if block.name is not None and page not in EXAMPLES:
                shell.write(block.name, block.source)
            for command in commands(block):
                if reason_not_to_run(command.text, page) is None and (found := _wrong_with(shell, command)):
                    wrong.append(f"{command.place}: $ {command.text}\n{found}")
    finally:
        at_end = shell.stop()
    return [*wrong, at_end] if at_end else wrong


def _wrong_with(shell: Shell, command: Command) -> str:
    try:
        return shell.run(command)
    except UnknownCommandError as error:
        return f"No rule says whether `{error}` runs: see PROGRAMS in console.py, and not_run.py."


def write_clients(shown: Shown, root: Path) -> None:
    """Run the commands of a page that write clients, with their files in the project."""
    for command in shown.commands:
        if command.text.startswith("apiroutes client "):
            words = shlex.split(command.text)
            arguments = [*words[1:-1], str(root / words[-1]), "--root", str(root)]
            result = CliRunner().invoke(main, arguments)
            assert result.exit_code == 0, result.output
