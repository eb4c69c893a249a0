"""Ports of servers: which one is free, and one line for one that is not.

In: a host and a port. Out: a free port. Ends the command with one line and status 1 for an address where no
server can listen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from apiroutes.servers.addresses import AddressError, next_free_port

__all__ = ["address_errors", "free_port"]


def free_port(host: str, port: int) -> int:
    """Return the next free port, and say so where it is not the first one. Raises AddressError."""
    free = next_free_port(host, port)
    if free != port:
        click.echo(f"Port {port} is taken; the next free one is {free}", err=True)
    return free


@contextlib.contextmanager
def address_errors() -> Iterator[None]:
    """Print on one line why a server cannot listen."""
    try:
        yield
    except AddressError as error:
        raise click.ClickException(str(error)) from error
