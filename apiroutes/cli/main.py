"""`apiroutes` itself: the options before a command, and the list of all commands."""

from __future__ import annotations

import sys

import click

from apiroutes.cli.cache import cache
from apiroutes.cli.check import check
from apiroutes.cli.completion import completion
from apiroutes.cli.dev import dev
from apiroutes.cli.documents import client, openapi
from apiroutes.cli.group import Group, context_settings, examples
from apiroutes.cli.new import new
from apiroutes.cli.options import directory
from apiroutes.cli.routes import routes
from apiroutes.cli.secret import secret
from apiroutes.cli.shell import shell
from apiroutes.cli.start import start
from apiroutes.cli.version import version_text
from apiroutes.terminal import paint_for

__all__ = ["main"]


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(version_text())
        ctx.exit()


@click.group(
    cls=Group,
    invoke_without_command=True,
    context_settings=context_settings(),
    epilog=examples(
        "apiroutes new shop                  make a project",
        "apiroutes dev                       serve while you write",
        "apiroutes routes /api/users/5       which file answers?",
        "apiroutes start --server granian    serve in production",
        "apiroutes COMMAND --help            all about a command",
    ),
)
@directory
@click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the versions of apiroutes, Python, the platform, servers and libraries.",
    show_default=False,
)
@click.pass_context
def main(ctx: click.Context, root: object) -> None:
    """Files under pages/api are HTTP endpoints.

    Exit status: 0, also for a server that is stopped; 1 for a project with mistakes, or if nothing is
    found; 2 for wrong arguments; 130 after Ctrl-C in any other command.
    """
    ctx.color = paint_for(sys.stdout).is_on
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), color=True)


for command in (new, dev, start, routes, check, openapi, client, cache, shell, secret, completion):
    main.add_command(command)
