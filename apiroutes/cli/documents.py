"""`apiroutes openapi` and `apiroutes client`: the routes, described for others."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from apiroutes.cli.group import Command, examples
from apiroutes.cli.options import output, root
from apiroutes.cli.projects import build_unsigned

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
    document = build_unsigned(root).openapi()
    text = _yaml(document) if as_yaml else json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    _write(text, output)


@click.command(
    cls=Command,
    epilog=examples(
        "apiroutes client --typescript -o web/api.ts",
        "apiroutes client --python -o shop/api.py",
        "apiroutes client --typescript -o web/api.ts --check    in CI",
    ),
)
@root
@click.option(
    "--typescript",
    is_flag=True,
    help="Write TypeScript: one file without dependencies.",
    show_default=False,
)
@click.option(
    "--python", is_flag=True, help="Write Python: one file over httpx and msgspec.", show_default=False
)
@click.option(
    "--check",
    "is_check",
    is_flag=True,
    help="Write nothing; exit with status 1 if the file is out of date.",
    show_default=False,
)
@output
def client(root: Path, typescript: bool, python: bool, is_check: bool, output: Path | None) -> None:
    """Write a typed client for the routes, in one file."""
    if typescript == python:
        raise click.UsageError("Choose the language of the client: --typescript or --python.")
    if is_check and output is None:
        raise click.UsageError("--check needs the file to compare with: -o FILE.")
    from apiroutes.clients import python_client, typescript_client

    document = build_unsigned(root).openapi()
    text = typescript_client(document) if typescript else python_client(document)
    if not is_check or output is None:
        _write(text, output)
    elif not output.exists() or output.read_text(encoding="utf-8", errors="replace") != text:
        why = "is out of date" if output.exists() else "does not exist"
        click.echo(f"{output} {why}: run this command without --check to write it.", err=True)
        sys.exit(1)


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
