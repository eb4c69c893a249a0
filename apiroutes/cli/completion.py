"""`apiroutes completion`: the script with which a shell completes commands, options and their values."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from apiroutes.cli.group import Command, examples

__all__ = ["completion"]

_PROGRAM = "apiroutes"
_VARIABLE = "_APIROUTES_COMPLETE"  # click's own name for the program


@click.command(
    cls=Command,
    epilog=examples(
        'bash, in ~/.bashrc:   eval "$(apiroutes completion bash)"',
        'zsh, in ~/.zshrc:     eval "$(apiroutes completion zsh)"',
        "fish:                 apiroutes completion fish > ~/.config/fish/completions/apiroutes.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and paths in a shell.

    bash must be 4.4 or later. In zsh, compinit must have run before.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, _PROGRAM, _VARIABLE).source())
