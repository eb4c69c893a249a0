"""`apiroutes secret`."""

from __future__ import annotations

import click

from apiroutes.cli.group import Command, examples
from apiroutes.secret_keys import new_secret_key

__all__ = ["secret"]


@click.command(
    cls=Command,
    epilog=examples(
        "apiroutes secret",
        "export APIROUTES_SECRET_KEY=$(apiroutes secret)",
        "export APIROUTES_SECRET_KEY=$(apiroutes secret),$OLD_KEY    the first signs, all verify",
    ),
)
def secret() -> None:
    """Print a new secret key, and nothing else.

    It has 256 random bits. A project reads it as the setting `secret_key`, preferably from the environment.
    """
    click.echo(new_secret_key())
