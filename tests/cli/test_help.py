"""What `apiroutes` tells of itself: help, suggestions, and where --root may stand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from apiroutes.cli import main
from tests.support import HELLO, project

COMMANDS = sorted(main.commands)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def in_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str, flag: str) -> None:
    result = run(command, flag)
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {command} ")
    assert f"apiroutes {command}" in result.output.partition("Examples:")[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_may_be_the_first_word(command: str) -> None:
    assert run("help", command).output == run(command, "--help").output
    assert run("help").output == run("--help").output


OPTIONS = [
    pytest.param(name, option, id=f"{name} {option.opts[-1]}")
    for name, command in main.commands.items()
    for option in command.params
    if isinstance(option, click.Option)
]


@pytest.mark.parametrize(("command", "option"), OPTIONS)
def test_every_option_has_its_whole_help_and_its_default(command: str, option: click.Option) -> None:
    output = in_one_line(run(command, "-h").output)
    assert option.help
    assert in_one_line(option.help) in output
    if not option.is_flag and option.name not in ("source", "method"):  # which have none
        after = output.partition(in_one_line(option.help))[2]
        assert after.startswith(" [default: ")


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]])
def test_without_a_command_there_is_help_of_all_with_whole_summaries(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 0
    output = in_one_line(result.output)
    for name, command in main.commands.items():
        summary = in_one_line((command.help or "").partition("\n\n")[0]).strip().removesuffix(".")
        assert f"{name} {summary}" in output
    assert "..." not in output.partition("Commands:")[2]


MISTYPED = [
    (["routs"], "There is no command 'routs'. Did you mean 'routes'?"),
    (["strat"], "Did you mean 'start'?"),
    (["serve"], "Did you mean 'dev'?"),
    (["runserver"], "Did you mean 'dev'?"),
    (["xyz"], "Expected one of 'cache', 'check', 'client', 'completion', 'dev'"),
    (["routes", "--jsn"], "Did you mean '--json'?"),
    (["dev", "--prot", "1"], "'--port'"),
    (["start", "--server", "gunicron"], "'gunicorn', 'granian', 'uvicorn'"),
    (["--port", "3000"], "Did you mean 'apiroutes dev --port 3000'?"),
    (["-p", "3000"], "Did you mean 'apiroutes dev --port 3000'?"),
    (["--workers", "2"], "Did you mean 'apiroutes start --workers 2'?"),
    (["--reload"], "Did you mean 'apiroutes dev'? It reloads automatically."),
    (["dev", "--reload"], "Leave it out: that is the default."),
    (["start", "--reload"], "'apiroutes dev' does so by default."),
    (["dev", "-p", "3000"], "Did you mean '--port'?"),
    (["dev", "3000"], "Did you mean '--port 3000'?"),
    (["start", "3000"], "Did you mean '--port 3000'?"),
    (["start", "main:app"], "Leave it out: a project is a directory"),
    (["dev", "main.py"], "Leave it out: a project is a directory"),
    (["check", "."], "Did you mean '--root .'?"),
    (["check", "nope"], "The directory of another project is given by '--root'."),
    (["init"], "Did you mean 'new'?"),
    (["startproject", "shop"], "Did you mean 'new'?"),
    (["build"], "There is no build step"),
    (["lint"], "Did you mean 'check'?"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTYPED)
def test_a_mistyped_word_is_answered_with_the_one_that_was_meant(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_the_root_may_stand_before_the_command(tmp_path: Path) -> None:
    root = str(project(tmp_path, {"pages/api/only.py": HELLO}))
    before, after = run("--root", root, "routes", "--json"), run("routes", "--json", "--root", root)
    assert before.output == after.output
    assert json.loads(before.output)[0]["path"] == "/api/only"


def test_the_commands_own_root_wins(tmp_path: Path) -> None:
    there = project(tmp_path / "there", {"pages/api/there.py": HELLO})
    other = project(tmp_path / "other", {"pages/api/other.py": HELLO})
    result = run("--root", str(other), "routes", "--json", "--root", str(there))
    assert json.loads(result.output)[0]["path"] == "/api/there"


def test_a_root_that_is_none_is_status_2(tmp_path: Path) -> None:
    assert run("--root", str(tmp_path / "none"), "routes").exit_code == 2
