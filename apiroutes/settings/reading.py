"""Reads the settings of a project: the last of several sources wins.

In: the project directory, the process environment, the arguments. Out: one `Settings`, or the place where one
setting was given. Raises ProjectError with every unknown name and unreadable value. `.env` files are loaded
into the environment first, in Next.js's order, never over a variable that is set.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from apiroutes.errors import Problem, Problems
from apiroutes.places import Place, located
from apiroutes.settings.files import load_env_files, pyproject_tables
from apiroutes.settings.sources import Arguments, Environment, Pyproject, Source
from apiroutes.settings.table import READERS, REMEDIES, Settings

__all__ = ["load_settings", "read_settings", "setting_place"]


def load_settings(root: Path, environ: MutableMapping[str, str], arguments: Mapping[str, object]) -> Settings:
    """Return the settings of the project in `root`. Raises ProjectError."""
    settings, problems = read_settings(root, environ, arguments)
    problems.raise_any()
    return settings


def read_settings(
    root: Path, environ: MutableMapping[str, str], arguments: Mapping[str, object]
) -> tuple[Settings, Problems]:
    """Return the settings that can be read, and the mistakes in the others; later sources win.

    It also loads the project's `.env` files into `environ`.
    """
    problems = Problems()
    table, described = pyproject_tables(root, problems)
    mode = arguments.get("mode") or environ.get("APIROUTES_MODE") or table.get("mode")
    load_env_files(root, "development" if mode == "development" else "production", environ, problems)
    values: dict[str, Any] = described
    sources: list[Source] = [Pyproject(root, table), Environment(root, environ), Arguments(root, arguments)]
    for source in sources:
        for name, value in source.values.items():
            _read(source, name, value, values, problems)
    return Settings(**values), problems


def setting_place(
    name: str,
    root: Path,
    environ: Mapping[str, str],
    arguments: Mapping[str, object],
    item: str | None = None,
) -> tuple[str, Place]:
    """Return how the setting is spelled where it was given, and that place.

    `item` is one string of a list, which has a line of its own.
    """
    table, _ = pyproject_tables(root, Problems())
    sources: tuple[Source, ...] = (
        Arguments(root, arguments),
        Environment(root, environ),
        Pyproject(root, table),
    )
    given = next((source for source in sources if name in source.values), None)
    return (name, Place("the settings")) if given is None else (given.spelled(name), given.place(name, item))


def _read(source: Source, name: str, value: object, values: dict[str, Any], problems: Problems) -> None:
    """Put the value of a setting into `values`, or a problem into `problems`."""
    if name not in READERS:
        message, remedy = "is not a setting.", source.suggested(name)
    else:
        try:
            values[name] = READERS[name](value)
            return
        except (TypeError, ValueError) as error:
            message, remedy = f": {error}.", REMEDIES[name]
    message = source.spelled(name) + (message if message.startswith(":") else f" {message}")
    place = source.place(name)
    problems.append(located(Problem(place.file, message, remedy), place))
