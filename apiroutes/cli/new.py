"""`apiroutes new`: a project that works, with its tests.

On a terminal, it asks for what no option gives; elsewhere, it uses the defaults.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import click

from apiroutes.cli.group import Command, examples
from apiroutes.cli.projects import print_painted
from apiroutes.terminal import BOLD, CYAN, DIM, GREEN, is_interactive, paint_for

__all__ = ["new"]

_CONVENTIONS = {
    "pages": ("pages/api/notes/[id].py", "as in Next.js's Pages Router"),
    "app": ("app/api/notes/[id]/route.py", "as in Next.js's App Router"),
    "tanstack": ("routes/api/notes/$id.py", "as in TanStack Start"),
}
_DEFAULT = "pages"
# Repositories that a hosting service makes have these files, and a project works with any version of them.
_IGNORED = ".gitignore"
_MAY_STAY = {"README.md", _IGNORED}
_CLONE = "<clone of apiroutes>"


class _Directory(click.Path):
    """A directory, which may be missing; an empty text, such as an unset variable of a shell, is not one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("'' is not a directory. Type '.' for the current one.", param, ctx)
        return super().convert(value, param, ctx)


@click.command(
    cls=Command,
    epilog=examples(
        "apiroutes new shop",
        "apiroutes new shop --convention app --yes",
        "apiroutes new --minimal .                    in the current directory",
        "apiroutes new shop --list                    which files would it make?",
    ),
)
@click.argument("directory", metavar="NAME", required=False, type=_Directory(file_okay=False, path_type=Path))
@click.option("--name", help="The name of the project.", show_default="the name of the directory")
@click.option(
    "--convention",
    type=click.Choice(list(_CONVENTIONS)),
    help="How the files of routes are named.",
    show_default=_DEFAULT,
)
@click.option(
    "--minimal",
    is_flag=True,
    help="Make one route with its test, and no database, middleware, Dockerfile or Makefile.",
    show_default=False,
)
@click.option(
    "-y", "--yes", is_flag=True, help="Ask nothing: use the defaults for the rest.", show_default=False
)
@click.option(
    "--list",
    "only_list",
    is_flag=True,
    help="Ask nothing, print the files that would be made, and write none.",
    show_default=False,
)
def new(
    directory: Path | None,
    name: str | None,
    convention: str | None,
    minimal: bool,
    yes: bool,
    only_list: bool,
) -> None:
    """Make a project: routes with a database, their tests, a Makefile with checks, and a Dockerfile.

    NAME is a directory that does not exist yet, or one that has other files, such as a new repository; `.` is
    the current one. No file is ever overwritten: a README.md and a .gitignore stay, and if another file is in
    the way, nothing is written and the exit status is 1.
    """
    from apiroutes.scaffold import origin, rendered

    asks = not (yes or only_list) and is_interactive(sys.stdin) and is_interactive(sys.stderr)
    directory = _directory(directory, asks)
    name = _name(name, directory, asks)
    if asks:
        convention = convention or _ask_for_convention()
        minimal = minimal or _ask_whether("Minimal: without database, Dockerfile and Makefile?")
    came_from = origin()
    files = rendered(name, convention or _DEFAULT, minimal=minimal, origin=came_from)
    kept = _kept(directory, files)
    made = [file for file in files if file not in kept]
    if only_list:
        click.echo("\n".join(made))
        return
    patterns = _write(directory, files, kept)
    _print_made(directory, made, kept)
    _print_next(directory, patterns, wheel_of=(came_from.place or _CLONE) if came_from.is_local else None)


def _directory(directory: Path | None, asks: bool) -> Path:
    if directory is not None:
        return directory
    if asks:
        answer: Path = click.prompt("Directory of the project", type=click.Path(path_type=Path), err=True)
        return answer
    raise click.UsageError(
        "Missing argument 'NAME'. Type 'apiroutes new shop', or 'apiroutes new .' for the current directory."
    )


def _kept(directory: Path, files: Mapping[str, str]) -> list[str]:
    """Return the files that exist and stay. Raises `click.ClickException` if others are in the way."""
    from apiroutes.scaffold import is_project, obstacles

    try:
        found = obstacles(directory, files)
    except OSError as error:
        raise click.ClickException(f"{_said(error)}. Choose another directory.") from None
    others = [path for path in found if path not in _MAY_STAY]
    if others and is_project(directory):
        raise click.ClickException(
            f"{str(directory)!r} is an apiroutes project already: its pyproject.toml has [tool.apiroutes].\n"
            "Nothing was written. Serve it with `apiroutes dev`, or choose another directory."
        )
    if others:
        listed = "\n".join(f"  {path}" for path in others)
        raise click.ClickException(
            f"{str(directory)!r} has files in the way:\n{listed}\n"
            "Nothing was written. Choose another directory, or move these files away."
        )
    return found


def _write(directory: Path, files: Mapping[str, str], kept: Collection[str]) -> list[str]:
    """Write the files besides those that are kept. Return the lines that a kept `.gitignore` lacks."""
    from apiroutes.scaffold import missing_patterns, write_project

    place = Path(os.path.abspath(directory))
    patterns = []
    try:
        if _IGNORED in kept:
            present = (place / _IGNORED).read_text(encoding="utf-8", errors="replace")
            patterns = missing_patterns(present, files)
        write_project(place, {file: text for file, text in files.items() if file not in kept})
    except OSError as error:
        raise click.ClickException(f"{_said(error)}. Nothing was made.") from None
    return patterns


def _name(name: str | None, directory: Path, asks: bool) -> str:
    from apiroutes.scaffold import suggested_name, why_no_name

    wanted = name if name is not None else os.path.basename(os.path.abspath(directory))
    why = why_no_name(wanted)
    if why is None:
        return wanted
    suggestion = suggested_name(wanted)
    if name is not None:
        raise click.BadParameter(f"{why}. Did you mean {suggestion!r}?", param_hint="'--name'")
    if not asks:
        raise click.BadParameter(
            f"{why}. Name the directory {suggestion!r}, or add '--name {suggestion}'.", param_hint="'NAME'"
        )
    click.echo(f"{why}.", err=True)
    answer: str = click.prompt("Name of the project", default=suggestion, value_proc=_checked_name, err=True)
    return answer


def _checked_name(text: str) -> str:
    from apiroutes.scaffold import why_no_name

    why = why_no_name(text)
    if why is not None:
        raise click.UsageError(why)
    return text


def _ask_for_convention() -> str:
    paint = paint_for(sys.stderr)
    width = max(len(file) for file, _ in _CONVENTIONS.values())
    for name, (file, whose) in _CONVENTIONS.items():
        print_painted(f"  {paint(f'{name:<8}', BOLD)}  {file:<{width}}  {paint(whose, DIM)}", err=True)
    answer: str = click.prompt(
        "Convention of the routes", type=click.Choice(list(_CONVENTIONS)), default=_DEFAULT, err=True
    )
    return answer


def _ask_whether(question: str) -> bool:
    answer: bool = click.prompt(
        f"{question} [y/N]", default="n", show_default=False, value_proc=_yes_or_no, err=True
    )
    return answer


def _yes_or_no(text: str) -> bool:
    answer = text.strip().lower()
    if answer not in ("y", "yes", "n", "no"):
        raise click.UsageError("Answer y or n; Enter is n.")
    return answer.startswith("y")


def _print_made(directory: Path, made: list[str], kept: list[str]) -> None:
    paint = paint_for(sys.stdout)
    print_painted(paint(f"Made {os.path.basename(os.path.abspath(directory))}, {len(made)} files:", GREEN))
    click.echo("\n".join(f"  {file}" for file in made))
    if kept:
        click.echo(f"\nKept {' and '.join(kept)}, which {'were' if kept[1:] else 'was'} there.")


def _print_next(directory: Path, patterns: list[str], wheel_of: Path | str | None) -> None:
    """Print what to type next.

    `patterns` are to be added to .gitignore. `wheel_of` is the source to build apiroutes from, if necessary.
    """
    commands = ["python3 -m venv .venv && . .venv/bin/activate"]
    if patterns:
        # The last line of the file may have no end.
        commands.insert(0, f"printf '%s\\n' {shlex.join(['', *patterns])} >> .gitignore")
    if str(directory) != ".":
        commands.insert(0, f"cd {shlex.quote(str(directory))}")
    wheels = ""
    if wheel_of is not None:
        place = shlex.quote(str(wheel_of)) if isinstance(wheel_of, Path) else wheel_of
        commands.append(f"pip wheel --no-deps -w wheels {place}")
        wheels = "--find-links wheels "
    commands += [f"pip install {wheels}-e '.[dev]'", "pytest", "apiroutes dev"]
    paint = paint_for(sys.stdout)
    print_painted("\nNext:\n" + "\n".join(f"  {paint(command, CYAN)}" for command in commands))
    print_painted(f"In another terminal:\n  {paint('curl localhost:8000/api/hello', CYAN)}")
    if wheel_of is not None:
        click.echo(
            "\napiroutes was installed from this machine, where nobody else can find it. Commit the\n"
            "directory wheels/ so that your team and CI have it."
        )


def _said(error: OSError) -> str:
    """Return what the system said, with the file."""
    place = error.filename2 or error.filename
    return f"{os.fspath(place)}: {error.strerror}" if place else str(error.strerror or error)
