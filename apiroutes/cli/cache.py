"""`apiroutes cache`: what the response cache keeps, and its revalidation from a shell."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import click

from apiroutes.app import App
from apiroutes.cache import Kind, RevalidationError, names_of_tag, names_to_revalidate, revalidate_now
from apiroutes.cli.group import Group, examples
from apiroutes.cli.options import as_json, root
from apiroutes.cli.projects import build_unsigned, print_painted
from apiroutes.stores import Mode, StoreError
from apiroutes.terminal import DIM, paint_for

__all__ = ["cache"]

_IN_MEMORY = (
    'the setting `cache` is "memory": a server keeps everything in its own memory, which no other process '
    'can reach. Call revalidate_path() or revalidate_tag() in the server, or set `cache` to "sqlite" or to a '
    "Redis URL"
)
_KEEPS_NOTHING = 'The setting `cache` is "none": nothing is kept, so there is nothing to revalidate.'
_UNITS = ("gb", 2**30), ("mb", 2**20), ("kb", 2**10)


@click.group(
    cls=Group,
    invoke_without_command=True,
    epilog=examples(
        "apiroutes cache stats --json",
        "apiroutes cache revalidate /api/posts/1 --tag authors",
        "apiroutes cache clear",
    ),
)
@click.pass_context
def cache(ctx: click.Context) -> None:
    """Show, revalidate or clear what the response cache keeps.

    It is the store that the project's servers use. The exit status is 1 if the store fails, or is the memory
    of a server.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), color=True)


@cache.command(epilog=examples("apiroutes cache stats", "apiroutes cache stats --json"))
@root
@as_json
def stats(root: Path, as_json: bool) -> None:
    """Print how much is kept, and where."""
    app = _app(root)
    with _reporting():
        known = app.cache.store.stats()
    if as_json:
        click.echo(json.dumps(known, indent=2))
    else:
        paint = paint_for(sys.stdout)
        rows = list(_rows(known))
        width = max(len(name) for name, _ in rows)
        print_painted("\n".join(f"{paint(f'{name:<{width}}', DIM)}  {value}" for name, value in rows))


@cache.command(epilog=examples("apiroutes cache clear"))
@root
def clear(root: Path) -> None:
    """Forget everything that is kept."""
    app = _app(root)
    with _reporting():
        app.cache.store.clear()
    click.echo("Cleared the response cache.", err=True)


@cache.command(
    epilog=examples(
        "apiroutes cache revalidate /api/posts/1",
        "apiroutes cache revalidate '/api/posts/[id]'          every path of that route",
        "apiroutes cache revalidate /api/posts --type layout   the path and everything below it",
        "apiroutes cache revalidate --tag posts --mode stale",
    ),
)
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@root
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag; may be given several times.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(get_args(Kind)),
    default="page",
    help="The paths alone, or everything below them too.",
)
@click.option(
    "--mode",
    type=click.Choice(get_args(Mode)),
    default="expire",
    help="Whether an old answer may be served once more while a new one is computed.",
)
def revalidate(paths: tuple[str, ...], root: Path, tags: tuple[str, ...], kind: Kind, mode: Mode) -> None:
    """Stop serving what was stored for paths or tags.

    When the command has ended, no worker serves it any more. The paths are those that clients request, or
    the pattern of a route. It is not an error if nothing is stored for them.
    """
    if not paths and not tags:
        raise click.UsageError("Give a path such as /api/posts/1, or a tag: --tag posts.")
    app = _app(root)
    try:
        names = [name for path in paths for name in names_to_revalidate(app.cache, path, kind)]
        names += [name for tag in tags for name in names_of_tag(tag)]
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with _reporting():
        for name in dict.fromkeys(names):
            revalidate_now(app.cache, name, mode)
    click.echo(f"Revalidated {', '.join([*paths, *(f'tag {tag}' for tag in tags)])}", err=True)


def _app(root: Path) -> App:
    """Return the App of a project, whose store this process can reach."""
    app = build_unsigned(root)
    if app.settings.cache == "memory":
        raise click.ClickException(_IN_MEMORY)
    if app.settings.cache == "none":
        click.echo(_KEEPS_NOTHING, err=True)
    return app


@contextlib.contextmanager
def _reporting() -> Iterator[None]:
    """End the command with status 1 where the store fails."""
    try:
        yield
    except (StoreError, RevalidationError) as error:
        raise click.ClickException(f"the store failed: {error}") from None


def _rows(known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a store's figures, each with its limit."""
    for name, value in known.items():
        limit = known.get(f"max_{name}")
        if name == "size":
            yield name, _of(_size_text(value), None if limit is None else _size_text(limit))
        elif not name.startswith("max_"):
            yield name.replace("_", " "), _of(str(value), None if limit is None else str(limit))


def _of(value: str, limit: str | None) -> str:
    return value if limit is None else f"{value} of {limit}"


def _size_text(size: int) -> str:
    for unit, factor in _UNITS:
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + unit
    return f"{size}b"
