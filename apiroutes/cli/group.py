"""Commands as users know them: whole summaries, suggestions for mistyped names, help without arguments.

In: arguments. Out: click's commands, with the exit statuses of a shell: 130 after
Ctrl-C, unless the command is a server, and after Ctrl-D at a question, before which no command does anything.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from apiroutes.cli.wrong_arguments import (
    instead_of_arguments,
    instead_of_command,
    instead_of_option,
    option_before_command,
)
from apiroutes.terminal import BOLD, paint_for

__all__ = ["Command", "Group", "examples"]

# Help is wrapped to what can be read comfortably, and to the width of a narrower terminal.
_HELP_WIDTH = 100
_INTERRUPTED = 128 + signal.SIGINT


def examples(*lines: str) -> str:
    """Return the epilog of a command's help that shows the lines as they are."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


class _Formatter(click.HelpFormatter):
    """click's formatter with bold headings where the terminal shows them."""

    def write_heading(self, heading: str) -> None:
        paint = paint_for(sys.stdout)
        self.write(f"{'':>{self.current_indent}}{paint(heading + ':', BOLD)}\n")


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    """A command: a wrong option or argument is answered with the one that was probably meant."""

    context_class = _Context

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True  # which are refused here, with a remedy
        try:
            super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise _explained(error, instead_of_option(error.option_name, self)) from None
        if ctx.args and not ctx.resilient_parsing:
            ctx.fail(instead_of_arguments(ctx.args, self))
        return ctx.args


def _explained(error: click.NoSuchOption, remedy: str | None) -> click.NoSuchOption:
    """Return the error with what to write instead of click's own suggestion, where it is known."""
    if remedy is None:
        return error
    return click.NoSuchOption(error.option_name, f"{error.message.rstrip('.')}. {remedy}", ctx=error.ctx)


class Group(click.Group):
    """The group of all commands, listed in the order in which they were added."""

    context_class = _Context
    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # A summary is the first sentence; click would cut it off at the end of the line.
        rows = [(name, command.get_short_help_str(limit=1000)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args[:1] == ["help"]:  # as in git, cargo and others
            args = [*args[1:2], "--help"]
        before = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            path = " ".join(["apiroutes", *ctx.command_path.split()[1:]])
            remedy = option_before_command(error.option_name, before, self.commands, path)
            raise _explained(error, remedy) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"There is no command {name!r}. {instead_of_command(name, self.commands)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(_INTERRUPTED)
        except click.Abort:  # Ctrl-C or Ctrl-D at a question, on whose line the cursor is
            click.echo("\nStopped at the question: nothing was done.", err=True)
            sys.exit(_INTERRUPTED)


def context_settings() -> dict[str, Any]:
    """Return click's settings for the group and all of its commands."""
    return {
        "help_option_names": ["-h", "--help"],
        "show_default": True,
        "max_content_width": _HELP_WIDTH,
    }
