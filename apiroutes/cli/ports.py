"""Addresses of servers: where they are set, which port is free, and one line for what is wrong.

In: settings, the environment, a host and a port. Out: an address. Ends the command with one line: status 2
for an invalid port, 1 for an address where no server can listen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import click

from apiroutes.servers.addresses import AddressError, address_of, environment_port, next_free_port
from apiroutes.settings import Settings

__all__ = ["address_errors", "address_in", "free_port", "require_port_setting"]


class _WrongEnvironment(click.ClickException):
    """A mistake outside the command line, for which a usage message would be no help."""

    exit_code = 2


def require_port_setting() -> None:
    """End the command if the environment sets an invalid port."""
    with _port_errors():
        environment_port("APIROUTES_PORT")


def address_in(settings: Settings) -> tuple[str, int]:
    """Return host and port from the settings and the environment."""
    with _port_errors():
        return address_of(settings)


def free_port(host: str, port: int) -> int:
    """Return the next free port, and print it if it is not the first one. Raises AddressError."""
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


@contextlib.contextmanager
def _port_errors() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise _WrongEnvironment(str(error)) from None
