"""The command line: `apiroutes dev | start | routes | check | openapi | client`.

In: arguments. Out: text, or JSON with --json. The exit status is 0, 1 for a project with mistakes, or 2
for wrong arguments.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click

from apiroutes.app import App
from apiroutes.errors import ProjectError, report
from apiroutes.handlers import RouteModule, name_of
from apiroutes.openapi import typescript_client
from apiroutes.resources import Resource
from apiroutes.servers.interfaces import choose
from apiroutes.servers.start_check import StartCheck
from apiroutes.settings import Settings, load_settings
from apiroutes.sizes import Size
from apiroutes.version import __version__

__all__ = ["main"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

_PORT = click.IntRange(0, 65535)
_root = click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("."),
    help="The project directory  [default: the current one]",
)

_output = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write  [default: standard output]",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="apiroutes")
def main() -> None:
    """Files under pages/api are HTTP endpoints."""


@main.command()
@_root
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=_PORT, help="Port to listen on; 0 for any free one  [default: 8000]")
def dev(root: Path, host: str, port: int | None) -> None:
    """Serve for development: reload on change, tracebacks, a line per request.

    It listens on this machine only, whatever the project sets for production; --host opens it to others.
    """
    from apiroutes.development import is_child, run, serve

    if is_child():
        serve(root.resolve(), host, port or 0, _say)
        return
    # The project's own port counts, unless mistakes make its settings unreadable.
    settings = _settings(root)
    ports = (port, settings.port, _port_of_environment(), 8000)
    with _address_errors():
        run(
            root.resolve(),
            host,
            next(number for number in ports if number is not None),
            settings.docs_path,
            _say,
        )


@main.command()
@_root
@click.option("--host", help="Address to listen on.")
@click.option("--port", type=_PORT, help="Port to listen on.")
@click.option("--workers", type=click.IntRange(min=1), help="Worker processes.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of each worker.")
@click.option(
    "--interface",
    type=click.Choice(["auto", "wsgi", "asgi"]),
    help="How the server calls the project  [default: auto]",
)
@click.option(
    "--server",
    type=click.Choice(["gunicorn", "granian", "uvicorn"]),
    default="gunicorn",
    show_default=True,
    help="The server; granian and uvicorn need the extras of these names.",
)
@click.argument("flags", nargs=-1, type=click.UNPROCESSED, metavar="[-- SERVER FLAGS...]")
def start(root: Path, server: str, flags: tuple[str, ...], **options: Any) -> None:
    """Serve for production; the server's own flags follow `--`."""
    given = {name: value for name, value in options.items() if value is not None}
    # Mistakes are reported once here rather than by every worker. Only the workers import the project:
    # they could not use connections and threads that it opened in this process.
    with _start_check(root, given) as check:
        run = _server(server)
        start_report = check.wait()
    if start_report is not None:
        click.echo(start_report, err=True)
        sys.exit(1)
    os.chdir(root)
    settings = load_settings(Path.cwd(), os.environ, given)
    try:
        choice = choose(server, settings.interface, check.routes)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    if choice.reason:
        click.echo(f"{server} serves {choice.interface.upper()}: {choice.reason}", err=True)
    with _address_errors():
        run(replace(settings, interface=choice.interface), flags)


@main.command()
@_root
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of objects, for programs.")
def routes(root: Path, as_json: bool) -> None:
    """List the routes, in the order of precedence."""
    app = _build(root)
    rows = [_row(app.resources[route.file]) for route in app.routes.walk()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    cells = [("URL", "METHODS", "FILE", "MIDDLEWARE", "RUNS", "LIMITS")]
    cells += [_cells(row) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


@main.command()
@_root
def check(root: Path) -> None:
    """Find all mistakes that would prevent the start; exit with status 1 if there are any."""
    warnings = _Warnings()
    log = logging.getLogger("apiroutes")
    log.addHandler(warnings)
    try:
        count = len(_build(root).resources)
    finally:
        log.removeHandler(warnings)
    and_warnings = f", {_counted(warnings.count, 'warning')}" if warnings.count else ""
    click.echo(f"{_counted(count, 'route')}, no problems{and_warnings}.")
    if not count:
        sys.exit(1)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class _Warnings(logging.Handler):
    """Prints the warnings of a start, and counts them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        click.echo(f"Warning: {record.getMessage()}", err=True)


@main.command()
@_root
@click.option("--yaml", "as_yaml", is_flag=True, help="Write YAML instead of JSON; needs PyYAML.")
@_output
def openapi(root: Path, as_yaml: bool, output: Path | None) -> None:
    """Write the OpenAPI 3.1 document of the routes."""
    document = _build(root).openapi()
    text = _yaml(document) if as_yaml else json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    _write(text, output)


@main.command()
@_root
@click.option("--typescript", is_flag=True, required=True, help="Write TypeScript, the only language so far.")
@_output
def client(root: Path, typescript: bool, output: Path | None) -> None:
    """Write a typed client for the routes, without dependencies."""
    text = typescript_client(_build(root).openapi())
    _write(text, output)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")


def _yaml(document: dict[str, Any]) -> str:
    try:
        import yaml
    except ImportError as error:
        raise click.ClickException("--yaml needs PyYAML: pip install pyyaml") from error
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text


def _server(name: str) -> Callable[[Settings, Sequence[str]], None]:
    if name == "gunicorn":
        from apiroutes.servers import gunicorn

        return gunicorn.run
    try:
        server = import_module(f"apiroutes.servers.{name}")
    except ImportError as error:
        remedy = f"--server {name} needs its extra: pip install 'apiroutes[{name}]'"
        raise click.ClickException(f"{error}; {remedy}") from error
    run: Callable[[Settings, Sequence[str]], None] = server.run
    return run


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


@contextlib.contextmanager
def _address_errors() -> Iterator[None]:
    """Print on one line why a server cannot listen."""
    from apiroutes.servers.addresses import AddressError

    try:
        yield
    except AddressError as error:
        raise click.ClickException(str(error)) from error


def _port_of_environment() -> int | None:
    port = os.environ.get("PORT")
    if not port:
        return None
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise click.UsageError(f"PORT in the environment is {port!r}, which is not a port")
    return int(port)


def _build(root: Path) -> App:
    try:
        return App(root)
    except ProjectError as error:
        click.echo(report(error.problems), err=True)
        sys.exit(1)


def _settings(root: Path) -> Settings:
    try:
        return load_settings(root.resolve(), dict(os.environ), {"mode": "development"})
    except ProjectError:
        return Settings()


def _row(resource: Resource) -> dict[str, Any]:
    """Return one route for programs; docs/routes.md documents its members."""
    assert resource.module is not None
    module, config = resource.module, resource.module.config
    return {
        "path": resource.pattern,
        "methods": ["ANY"] if RouteModule.ANY in module.handlers else list(module.handlers),
        "file": module.route.file,
        "middleware": [name_of(step) for step in resource.middleware],
        "method_middleware": {
            "ANY" if method == RouteModule.ANY else method: [name_of(step) for step in handler.middleware]
            for method, handler in module.handlers.items()
            if handler.middleware
        },
        "off_loop": {
            "ANY" if method == RouteModule.ANY else method: resource.why_off_loop(method)
            for method in module.handlers
        },
        "body_limit": _limit(config.size_limit) if config.parse_body else None,
        "response_limit": _limit(config.response_limit),
        "max_duration": config.max_duration,
    }


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str, str, str]:
    steps = row["middleware"] + [
        f"{method}({', '.join(names)})" for method, names in row["method_middleware"].items()
    ]
    return (
        row["path"],
        ", ".join(row["methods"]),
        row["file"],
        ", ".join(steps) or "-",
        _runs_text(row["off_loop"]),
        _limits_text(row),
    )


def _runs_text(off_loop: dict[str, str | None]) -> str:
    """Say what runs on an ASGI server's loop, and what takes the rest off it."""
    on_loop = [method for method, name in off_loop.items() if name is None]
    names = ", ".join(dict.fromkeys(name for name in off_loop.values() if name is not None))
    if not names:
        return "async"
    return f"async {', '.join(on_loop)}; thread: {names}" if on_loop else f"thread: {names}"


def _limit(size: Size | None) -> int | None:
    return None if size is None else size.bytes


def _limits_text(row: dict[str, Any]) -> str:
    parts = [
        "body not parsed" if row["body_limit"] is None else f"body {_readable(row['body_limit'])}",
        "response any" if row["response_limit"] is None else f"response {_readable(row['response_limit'])}",
    ]
    if row["max_duration"] is not None:
        parts.append(f"{row['max_duration']:g} s")
    return ", ".join(parts)


def _readable(count: int) -> str:
    for unit, factor in (("gb", 2**30), ("mb", 2**20), ("kb", 2**10)):
        if count >= factor and count % (factor // 4) == 0:
            return f"{count / factor:g}{unit}"
    return f"{count}b"


def _say(line: str) -> None:
    # One write for each line, so that lines of several threads do not mix.
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
