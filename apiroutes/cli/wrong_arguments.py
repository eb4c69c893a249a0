"""Arguments that no command takes: what was probably meant, by the habits of other command lines.

In: commands and arguments. Out: texts for click's UsageError.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import click

from apiroutes.errors import suggest

__all__ = ["instead_of_arguments", "instead_of_command", "instead_of_option", "option_before_command"]

# What others call these commands.
_OTHER_NAMES = {
    "console": "shell",
    "create": "new",
    "deploy": "start",
    "develop": "dev",
    "docs": "openapi",
    "flush": "clear",
    "generate": "client",
    "init": "new",
    "lint": "check",
    "invalidate": "revalidate",
    "list": "routes",
    "prod": "start",
    "production": "start",
    "purge": "clear",
    "repl": "shell",
    "run": "dev",
    "runserver": "dev",
    "serve": "dev",
    "scaffold": "new",
    "server": "dev",
    "startproject": "new",
    "status": "stats",
    "test": "check",
    "urls": "routes",
    "validate": "check",
    "watch": "dev",
}
_NO_COMMANDS = {
    "build": "There is no build step: 'apiroutes check' finds mistakes, and 'apiroutes start' serves.",
    "version": "Did you mean '--version'?",
}
_OTHER_OPTIONS = {
    "-H": "--host",
    "-b": "--host",
    "-p": "--port",
    "-w": "--workers",
    "--address": "--host",
    "--app-dir": "--root",
    "--bind": "--host",
    "--chdir": "--root",
    "--directory": "--root",
    "--hostname": "--host",
}
_RELOADING = ("--debug", "--reload", "--watch", "--hot")


def instead_of_command(name: str, commands: Mapping[str, click.Command]) -> str:
    """Return the remedy for a command that does not exist."""
    if name in _NO_COMMANDS:
        return _NO_COMMANDS[name]
    other = _OTHER_NAMES.get(name)
    return f"Did you mean {other!r}?" if other in commands else suggest(name, commands)


def option_before_command(
    option: str, arguments: Sequence[str], commands: Mapping[str, click.Command], path: str
) -> str | None:
    """Return the remedy for an option without the command that takes it; None if no command does.

    `path` is the command line before the command.
    """
    known = _OTHER_OPTIONS.get(option, option)
    if option in _RELOADING:
        return "Did you mean 'apiroutes dev'? It reloads automatically."
    takers = [name for name, command in commands.items() if known in _options_of(command)]
    if not takers:
        return None
    rest = " ".join(known if argument == option else argument for argument in arguments)
    return f"Did you mean '{path} {takers[0]} {rest}'?"


def instead_of_option(option: str, command: click.Command) -> str | None:
    """Return the remedy for an option that the command does not have; None if it is unknown."""
    if option in _RELOADING:
        is_reloading = command.name == "dev"
        return "Leave it out: that is the default." if is_reloading else "'apiroutes dev' does so by default."
    other = _OTHER_OPTIONS.get(option)
    return f"Did you mean {other!r}?" if other in _options_of(command) else None


def instead_of_arguments(arguments: Sequence[str], command: click.Command) -> str:
    """Return what is wrong with arguments that the command does not take, and the remedy."""
    first = arguments[0]
    options = _options_of(command)
    if first.isascii() and first.isdigit() and "--port" in options:
        remedy = f"Did you mean '--port {first}'?"
    elif os.path.isdir(first):
        remedy = f"Did you mean '--root {first}'?"
    elif first.endswith(".py") or ":" in first:
        remedy = "Leave it out: a project is a directory, whose App is in app.py if it needs one."
    elif "--root" in options:
        remedy = "The directory of another project is given by '--root'."
    else:
        remedy = f"See 'apiroutes {command.name} --help'."
    return f"Got unexpected extra argument ({' '.join(arguments)}). {remedy}"


def _options_of(command: click.Command) -> list[str]:
    return [option for parameter in command.params for option in parameter.opts]
