"""`apiroutes openapi` and `apiroutes client`: what others read of the routes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from apiroutes.cli.group import Command, examples
from apiroutes.cli.options import output, root
from apiroutes.cli.projects import build
from apiroutes.clients import typescript_client

__all__ = ["client", "openapi"]


@click.command(
    cls=Command,
    epilog=examples("apiroutes openapi -o openapi.json", "apiroutes openapi --yaml > openapi.yaml"),
)
@root
@click.option("--yaml", "as_yaml", is_flag=True, help="Write YAML instead of JSON; needs PyYAML.")
@output
def openapi(root: Path, as_yaml: bool, output: Path | None) -> None:
    """Write the OpenAPI 3.1 document of the routes."""
    document = build(root).openapi()
    text = _yaml(document) if as_yaml else json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    _write(text, output)


@click.command(cls=Command, epilog=examples("apiroutes client --typescript -o web/api.ts"))
@root
@click.option(
    "--typescript",
    is_flag=True,
    required=True,
    help="Write TypeScript, the only language so far.",
    show_default=False,
)
@output
def client(root: Path, typescript: bool, output: Path | None) -> None:
    """Write a typed client for the routes, in one file without dependencies."""
    text = typescript_client(build(root).openapi())
    _write(text, output)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"cannot write {output}: {error.strerror}") from error


def _yaml(document: dict[str, Any]) -> str:
    try:
        import yaml
    except ImportError as error:
        raise click.ClickException("--yaml needs PyYAML: pip install pyyaml") from error
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text
