"""The files of a project that contain settings: pyproject.toml, and `.env` files.

In: the project directory. Out: tables and variables; a file that cannot be read is a problem with its place.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from apiroutes.errors import Problem, Problems
from apiroutes.places import Place, located, place_at
from apiroutes.secret_keys import may_hold_secret
from apiroutes.settings.lines import EnvStatement, env_statements, line_of_key, place_of_toml_error

__all__ = ["ENV_FILES", "PYPROJECT", "load_env_files", "pyproject_tables", "values_of_env_file"]

PYPROJECT = "pyproject.toml"

# Next.js's order: the first file with a variable wins, and the environment wins over all files.
ENV_FILES = (
    ".env.development.local",
    ".env.production.local",
    ".env.local",
    ".env.development",
    ".env.production",
    ".env",
)
# Settings that [project] gives, under its own names. Its authors are not asked to be named in public.
_OF_PROJECT = {"title": "name", "version": "version", "description": "description", "license": "license"}
_MODES = ("development", "production")


def pyproject_tables(root: Path, problems: Problems) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return [tool.apiroutes], and the settings of the OpenAPI document that [project] gives."""
    try:
        document = _toml_in(root / PYPROJECT)
    except (OSError, ValueError) as error:
        problems.append(_unreadable_toml(root, error))
        return {}, {}
    project = document.get("project", {})
    described = {
        setting: project[name]
        for setting, name in _OF_PROJECT.items()
        if isinstance(project, dict) and isinstance(project.get(name), str)
    }
    tool = document.get("tool", {})
    table = tool.get("apiroutes", {}) if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        message = "tool.apiroutes is not a table."
        keys: tuple[str, ...] = ("tool", "apiroutes")
    else:
        misnamed = _misnamed_table(document)
        if misnamed is None:
            return table, described
        message, keys = f"{'.'.join(misnamed)} is not read.", misnamed
    line = line_of_key((root / PYPROJECT).read_text(encoding="utf-8"), keys)
    place = place_at(root, PYPROJECT, line, keys[-1])
    problems.append(located(Problem(PYPROJECT, message, "Write [tool.apiroutes]."), place))
    return (table if isinstance(table, dict) else {}), described


def _misnamed_table(document: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the keys of a table that was probably meant as [tool.apiroutes]."""
    if isinstance(document.get("apiroutes"), dict):
        return ("apiroutes",)
    tool = document.get("tool")
    names = [name for name in tool if name != "apiroutes"] if isinstance(tool, dict) else []
    close = difflib.get_close_matches("apiroutes", names, 1, 0.85)
    return ("tool", close[0]) if close else None


def _unreadable_toml(root: Path, error: Exception) -> Problem:
    problem = Problem(PYPROJECT, f"cannot be read: {error}.", "Correct the file.")
    if isinstance(error, UnicodeDecodeError):
        return replace(problem, remedy="Save it in UTF-8.")
    if not isinstance(error, ValueError):
        return problem
    text = (root / PYPROJECT).read_text(encoding="utf-8")
    found = place_of_toml_error(text, error)
    if found is None:
        return problem
    line, column = found
    # The statement that is wrong may begin on an earlier line.
    is_secret = may_hold_secret("\n".join(text.split("\n")[:line]))
    place = (
        Place(PYPROJECT, line) if is_secret else place_at(root, PYPROJECT, line, columns=(column - 1, column))
    )
    return located(replace(problem, remedy=f"Correct line {line}."), place)


def _toml_in(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file; nothing if there is no file. Raises OSError and ValueError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    import tomli

    return tomli.loads(text)


def load_env_files(root: Path, mode: str, environ: MutableMapping[str, str], problems: Problems) -> None:
    """Load the variables of the files of one mode into the environment."""
    for name in ENV_FILES:
        path = root / name
        of_another_mode = any(other in name for other in _MODES if other != mode)
        if path.is_file() and not of_another_mode:
            try:
                values, broken = _env_file(path)
            except (OSError, ValueError) as error:
                problems.add(name, f"cannot be read: {error}.", "Correct the file.")
                continue
            problems += [_broken_statement(name, statement) for statement in broken]
            for key, value in values.items():
                if value is not None:
                    environ.setdefault(key, value)


def values_of_env_file(path: Path) -> Mapping[str, str | None]:
    """Return the variables of a file. Raises OSError and ValueError."""
    return _env_file(path)[0]


def _env_file(path: Path) -> tuple[Mapping[str, str | None], list[EnvStatement]]:
    """Return the variables of a file, and the statements that cannot be read."""
    from dotenv import dotenv_values

    statements = list(env_statements(path.read_text(encoding="utf-8")))
    # python-dotenv would log a broken statement, without the name of the file.
    readable = "".join(statement.text for statement in statements if not statement.is_broken)
    broken = [statement for statement in statements if statement.is_broken]
    return dotenv_values(stream=io.StringIO(readable)), broken


# A statement with a name and a value that begins with a quotation mark; then, whether the mark is closed.
_QUOTED = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*([\"'])(.*)", re.DOTALL)


def _broken_statement(file: str, statement: EnvStatement) -> Problem:
    """Return the problem, without the text of the statement: it may hold a secret."""
    quoted = _QUOTED.match(statement.text)
    if quoted is None:
        message, remedy = "is not a variable.", "Write NAME=value, or # before a comment."
        return Problem(file, f"Line {statement.line} {message}", remedy, statement.line)
    name, mark, rest = quoted.groups()
    if mark in re.sub(r"\\.", "", rest):
        remedy = f"Write only a comment after it, or \\{mark} for a quotation mark in the value."
        message = f"The value of {name} cannot be read: text follows its closing quotation mark."
    else:
        remedy = f"Write the closing quotation mark, {mark}."
        message = f"The value of {name} cannot be read: its quotation mark is not closed."
    return Problem(file, message, remedy, statement.line, name, (0, len(name)))
