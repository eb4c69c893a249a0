"""`apiroutes start`: a trial start of the project, then one of the servers.

The trial start is a process of its own. So mistakes are reported once, rather than by every worker, and only
the workers import the project: they could not use connections and threads that this process had opened.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from apiroutes.cli.group import Command, examples
from apiroutes.cli.options import AUTO, PORT, root
from apiroutes.cli.ports import address_errors, address_in, free_port, require_port_setting
from apiroutes.cli.progress import progress
from apiroutes.cli.projects import end_with_report
from apiroutes.cli.wrong_arguments import instead_of_arguments
from apiroutes.errors import ProjectError
from apiroutes.logging import log_to_stderr
from apiroutes.servers.defaults import workers_of
from apiroutes.servers.interfaces import Choice, choose
from apiroutes.servers.start_check import RouteCounts, StartCheck
from apiroutes.settings import Settings, load_settings
from apiroutes.telemetry import with_metrics_directory

__all__ = ["start"]

_EACH_ITS_OWN = (
    'cache is "memory": each worker keeps its own answers, and a revalidation reaches only one worker; '
    '"sqlite" is shared by all workers of a machine'
)
_EACH_COUNTS_ALONE = (
    'rate limits count in "memory": each worker counts only its own requests, so limits are multiplied by '
    'the number of workers; "sqlite" is shared by all workers of a machine'
)

_EACH_KEEPS_ITS_OWN = (
    'sessions are kept in "memory": each worker has its own, so a client is signed in for only some of its '
    'requests; "sqlite" is shared by all workers of a machine'
)

_Run = Callable[[Settings, Sequence[str], Callable[[], str]], None]


@click.command(
    cls=Command,
    epilog=examples(
        "apiroutes start",
        "apiroutes start --server granian --workers 4",
        "apiroutes start -- --certfile cert.pem --keyfile key.pem",
        "apiroutes start -- --bind unix:/run/shop.sock",
        "apiroutes start -- --help                 the server's own flags",
    ),
)
@root
@click.option(
    "--host",
    help="The address to listen on.",
    show_default="the project's setting; 0.0.0.0 if PORT is set; or 127.0.0.1",
)
@click.option(
    "--port",
    type=PORT,
    help="The port to listen on; auto is the next free one.",
    show_default="the project's setting, PORT, or 8000",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="How many processes serve.",
    show_default="the project's setting, WEB_CONCURRENCY, or one for each CPU",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="How many threads each process has.",
    show_default="the project's setting; 16, granian 32, 64 through ASGI",
)
@click.option(
    "--interface",
    type=click.Choice(["auto", "wsgi", "asgi"]),
    help="How the server calls the project.",
    show_default="the project's setting, or auto",
)
@click.option(
    "--server",
    type=click.Choice(["gunicorn", "granian", "uvicorn"]),
    default="gunicorn",
    help="The server; granian and uvicorn need the extras of these names.",
)
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- SERVER FLAGS...]")
def start(root: Path, server: str, flags: tuple[str, ...], **options: Any) -> None:
    """Serve for production, with the project's settings; the server's own flags follow `--`.

    The project is started once to find its mistakes. SIGHUP to this process loads new code, and SIGTERM
    stops it once the requests in progress are finished.
    """
    if flags and not flags[0].startswith("-"):  # no server has such a flag
        context = click.get_current_context()
        context.fail(instead_of_arguments(flags, context.command))
    require_port_setting()
    given = {name: value for name, value in options.items() if value is not None and value != AUTO}
    with contextlib.ExitStack() as until_served:
        check = until_served.enter_context(_start_check(root, given))
        run = _run_of(server)
        os.chdir(root)
        settings = _settings(given, check)

        _choose(server, settings, RouteCounts(0, 0))  # which is an error whatever the routes are

        def choose_interface() -> str:
            with until_served.pop_all():
                _end_unless_it_starts(check)
            choice = _choose(server, settings, check.routes)
            if choice.reason:
                _say(f"{server} serves {choice.interface.upper()}: {choice.reason}", settings.log_format)
            if workers_of(settings) > 1:
                _tell_of_memory(check, settings)
            return choice.interface

        host, port = address_in(settings)
        with address_errors():
            if options["port"] == AUTO:
                settings = replace(settings, host=host, port=free_port(host, port))
            with with_metrics_directory(settings):
                run(settings, flags, choose_interface)


def _tell_of_memory(check: StartCheck, settings: Settings) -> None:
    """Print which stores the workers do not share."""
    told = {
        _EACH_ITS_OWN: check.caches and settings.cache == "memory",
        _EACH_COUNTS_ALONE: check.counts_in_memory,
        _EACH_KEEPS_ITS_OWN: check.keeps_in_memory,
    }
    for line, is_so in told.items():
        if is_so:
            _say(line, settings.log_format)


def _say(line: str, log_format: str | None) -> None:
    """Print a line, or log it where standard error contains only records."""
    if log_format is None:
        click.echo(line, err=True)
    else:
        log_to_stderr(log_format)
        # Record INFO "%s": With `log_format`: what `apiroutes start` otherwise prints as plain text: the
        # interface that it has chosen and why, and what several workers do not share.
        logging.getLogger("apiroutes").info("%s", line)


@contextlib.contextmanager
def _start_check(root: Path, settings: dict[str, Any]) -> Iterator[StartCheck]:
    """Start the project in a process of its own, which ends with this block at the latest."""
    check = StartCheck(root, settings)
    # SIGTERM would leave the process behind.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield check
    finally:
        check.close()
        signal.signal(signal.SIGTERM, before)


def _settings(given: dict[str, Any], check: StartCheck) -> Settings:
    try:
        settings = load_settings(Path.cwd(), os.environ, given)
    except ProjectError:
        _end_unless_it_starts(check)  # whose report has all mistakes, these included
        raise
    # The workers read secrets themselves: no secret is handed to another process.
    stores = {name: getattr(settings, name) for name in ("cache", "rate_limit_store")}
    without_urls = {name: store for name, store in stores.items() if isinstance(store, str)}
    defaults = {name: getattr(Settings, name) for name in stores}
    return replace(settings, secret_key=None, **{**defaults, **without_urls})


def _end_unless_it_starts(check: StartCheck) -> None:
    with progress("Starting the project to find its mistakes"):
        start_report = check.wait()
    if start_report is not None:
        if check.problems:
            end_with_report(check.problems)
        click.echo(start_report, err=True)
        sys.exit(1)


def _choose(server: str, settings: Settings, routes: RouteCounts) -> Choice:
    try:
        return choose(server, settings.interface, routes)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def _run_of(server: str) -> _Run:
    try:
        module = import_module(f"apiroutes.servers.{server}")
    except ImportError as error:
        remedy = f"--server {server} needs its extra: pip install 'apiroutes[{server}]'"
        raise click.ClickException(f"{error}; {remedy}") from error
    run: _Run = module.run
    return run
