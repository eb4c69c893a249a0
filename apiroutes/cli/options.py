"""Options that several commands have, and what they mean.

In: texts of the command line and the environment. Out: values. Raises click's UsageError, which is one line
and exit status 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["AUTO", "PORT", "as_json", "directory", "output", "root"]

AUTO = "auto"
_HIGHEST = 65535


class _Port(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions
    """A port, or "auto" for the next one that is free."""

    name = "port"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return f"[0-{_HIGHEST}|{AUTO}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        text = str(value)
        if text == AUTO:
            return AUTO
        if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST):
            self.fail(f"{text!r} is neither a port, from 0 to {_HIGHEST}, nor {AUTO!r}", param, ctx)
        return int(text)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(AUTO)] if AUTO.startswith(incomplete) else []


PORT = _Port()


def _directory_of(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path:
    """Return the command's own --root, otherwise the one before the command."""
    if value is None:
        value = ctx.find_root().params.get("root")
    return Path(".") if value is None else value


_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
_ROOT = {
    "type": _DIRECTORY,
    "help": "The project directory.",
    "show_default": "the current directory",
}

# Before the command, and after it.
directory = click.option("--root", **_ROOT)  # type: ignore[arg-type]
root = click.option("--root", callback=_directory_of, **_ROOT)  # type: ignore[arg-type]

output = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.",
    show_default="standard output",
)

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON, for programs.", show_default=False
)
