"""The tables "there / here" of docs/how-to/from-*.md: the code that they show, and where it is run.

In: a page, and the project beside this file that runs what the page's tables show. Out: the code in the
column "here" that neither the page's own files nor that project have. Nothing is raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import tomli

from apiroutes import App, ProjectError
from apiroutes.cli import main
from apiroutes.settings import Settings
from tests.support import project

ROOT = Path(__file__).resolve().parents[2]
KEY = "s" * 8 + "0123456789abcdefghijklmnopqrstuv"  # with which the projects sign

_ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)
_SPAN = re.compile(r"``(.+?)``|`([^`]+)`")
_BLOCK = re.compile(r"^```(?:python|toml|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SETTING = re.compile(r"[a-z_]+ = .+")
_SETTINGS = {setting.name for setting in fields(Settings)}


def spans(page: str) -> Iterator[str]:
    """The code in the last column of the page's tables that begin with "there" and end with "here"."""
    is_table = False
    for line in page.splitlines():
        row = _ROW.match(line)
        cells = [cell.strip() for cell in row[1].split(" | ")] if row else []
        if not cells:
            is_table = False
        elif cells[0] == "there":
            is_table = cells[-1] == "here"
        elif is_table:
            for double, single in _SPAN.findall(cells[-1]):
                yield (double or single).strip().replace("\\|", "|")


def without_proof(page_name: str, directory: str, root: Path) -> list[str]:
    """The code of the column "here" that nothing runs.

    It is run if it is a part of a file of the page or of the project `tests/migrations/{directory}`, or of
    the requests of the test beside it; if it is a command that `apiroutes` takes, or a setting, with a value
    that a project takes. A file is named if the project has it.
    """
    page = (ROOT / "docs/how-to" / page_name).read_text(encoding="utf-8")
    place = Path(__file__).parent
    files = {path.relative_to(place / directory).as_posix() for path in (place / directory).rglob("*")}
    run = [
        *_BLOCK.findall(page),
        *((place / directory / name).read_text() for name in files if (place / directory / name).is_file()),
        (place / f"test_{page_name.removesuffix('.md').replace('-', '_')}.py").read_text(),
    ]
    return [
        span
        for span in spans(page)
        if not any(f"/{name}".endswith(f"/{span}") for name in files)
        and not any(span in text for text in run)
        and not _is_command(span)
        and not _is_setting(span, root)
    ]


def _is_command(span: str) -> bool:
    words = span.split()
    if words[0] != "apiroutes":
        return False
    rest = words[1:]
    try:
        with main.make_context("apiroutes", rest, resilient_parsing=True) as group:
            name = next(word for word in rest if word in main.commands)
            main.commands[name].make_context(name, rest[rest.index(name) + 1 :], parent=group)
    except (StopIteration, click.ClickException):
        return False
    return True


def _is_setting(span: str, root: Path) -> bool:
    if span in _SETTINGS:
        return True
    if not _SETTING.fullmatch(span):
        return False
    try:
        App(project(root, {"pages/api/hello.api.py": "def GET(): return 1"}), **tomli.loads(span))
    except (ProjectError, tomli.TOMLDecodeError, TypeError):
        return False
    return True
