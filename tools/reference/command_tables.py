"""The tables of commands and their options, for docs/commands.md.

In: click's commands, as they are run. Out: tables by the name of their region: `commands` and
`options COMMAND`, with a line of its arguments before it. Raises Undescribed for an option without a help.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from apiroutes.cli import main
from tools.reference.markdown import code, prose, slug, table
from tools.reference.source import Undescribed

__all__ = ["command_tables"]

# Which every command has, and the page explains once.
_OF_ALL = ("--root", "--help")


def command_tables() -> dict[str, str]:
    """Return the tables by the names of their regions."""
    tables = {"commands": _list(main, ("apiroutes",), is_linked=True)}
    for path, command in _commands(main, ("apiroutes",)):
        name = " ".join(path[1:])
        if isinstance(command, click.Group):
            tables[f"commands {name}"] = _list(command, path, is_linked=False)
        elif _options(command):
            tables[f"options {name}"] = _options_of(command, path)
    return tables


def _commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


def _list(group: click.Group, path: tuple[str, ...], *, is_linked: bool) -> str:
    rows = []
    for name, command in group.commands.items():
        whole = " ".join((*path, name))
        shown = code(" ".join((whole, *_arguments(command))))
        summary = prose(command.get_short_help_str(limit=1000))
        rows.append((f"[{code(whole)}](#{slug(whole)})" if is_linked else shown, summary))
    for option in _options(group):
        rows.append(
            (", ".join(code(" ".join((*path, name))) for name in option.opts), prose(option.help or ""))
        )
    return table(["command", "what it does"], rows)


def _options_of(command: click.Command, path: tuple[str, ...]) -> str:
    rows = [
        (", ".join(map(code, sorted(option.opts, key=len))), _default_of(option), _meaning_of(option, path))
        for option in _options(command)
    ]
    options = table(["option", "default", "meaning"], rows)
    arguments = [*_arguments(command)]
    usage = f"{code(' '.join((*path, '[OPTIONS]', *arguments)))}\n\n" if arguments else ""
    return usage + options


def _options(command: click.Command) -> list[click.Option]:
    return [
        parameter
        for parameter in command.params
        if isinstance(parameter, click.Option) and not {*_OF_ALL} & {*parameter.opts}
    ]


def _arguments(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            yield parameter.make_metavar(click.Context(command))


def _default_of(option: click.Option) -> str:
    """Return a default as click shows it: a text that describes it, or the value."""
    if isinstance(option.show_default, str):
        is_value = isinstance(option.type, click.Choice) and option.show_default in option.type.choices
        return code(option.show_default) if is_value else prose(option.show_default)
    if option.is_flag:
        return "off"
    return code(option.default) if isinstance(option.default, str) else ""


def _meaning_of(option: click.Option, path: tuple[str, ...]) -> str:
    if not option.help:
        raise Undescribed(f"the option {option.opts[0]} of `{' '.join(path)}` has no help text")
    meaning = prose(option.help)
    if isinstance(option.type, click.Choice):
        choices = [code(str(choice)) for choice in option.type.choices]
        return f"{', '.join(choices[:-1])} or {choices[-1]}. {meaning}"
    return meaning
