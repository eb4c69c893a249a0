"""`apiroutes dev`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from apiroutes.cli.group import Command, examples
from apiroutes.cli.options import AUTO, PORT, root
from apiroutes.cli.ports import address_errors, address_in, free_port, require_port_setting
from apiroutes.http import listed_hosts
from apiroutes.settings import read_settings

__all__ = ["dev"]


def _check_hosts(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        listed_hosts(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None
    return value


@click.command(
    cls=Command,
    epilog=examples(
        "apiroutes dev",
        "apiroutes dev --port auto            the next free port from 8000 on",
        "apiroutes dev --host 0.0.0.0         let other machines connect",
        "apiroutes dev --allowed-host a.test  a name of /etc/hosts, or of a tunnel",
    ),
)
@root
@click.option("--host", default="127.0.0.1", help="The address to listen on, whatever the project sets.")
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    callback=_check_hosts,
    show_default="localhost, the names below it, and what --host names",
    help="Another host name to answer to; .NAME has its subdomains too. May be given several times.",
)
@click.option(
    "--port",
    type=PORT,
    help="The port to listen on; 0 is any free one, auto the next free one.",
    show_default="the project's setting, PORT, or 8000",
)
def dev(root: Path, host: str, allowed_hosts: tuple[str, ...], port: int | str | None) -> None:
    """Serve for development: reload on change, explain mistakes, print a line per request.

    It listens on this machine only, whatever the project sets for production; --host opens it to others.
    Ctrl-C stops it.
    """
    from apiroutes.development import is_child, run, serve, show_log

    if is_child():
        show_log()
        serve(root.resolve(), host, port if isinstance(port, int) else 0, allowed_hosts, _say)
        return
    with _environment_restored():
        require_port_setting()
        # The project's own port counts as well, and mistakes elsewhere in its settings do not matter here.
        settings, _ = read_settings(root.resolve(), os.environ, {"mode": "development"})
        require_port_setting()  # a file .env may have given it
        wanted = port if isinstance(port, int) else address_in(settings)[1]
    with address_errors():
        if port == AUTO:
            wanted = free_port(host, wanted)
        run(root.resolve(), host, wanted, allowed_hosts, settings.docs_path, _say)


@contextlib.contextmanager
def _environment_restored() -> Iterator[None]:
    """Forget variables from files such as .env: each child reads these, and inherits no removed line."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _say(line: str) -> None:
    # One write for each line, so that lines of several threads do not mix.
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
