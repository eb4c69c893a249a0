"""The sources of settings: pyproject.toml, the environment with its `.env` files, the arguments of `App`.

In: what each source contains. Out: settings by their names; and for a mistake the source's own spelling of a
name, and the place in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from apiroutes.errors import suggest
from apiroutes.places import Place, caller_in, place_at
from apiroutes.settings.files import ENV_FILES, PYPROJECT, values_of_env_file
from apiroutes.settings.lines import line_of_item, line_of_key, line_of_variable
from apiroutes.settings.table import READERS

__all__ = ["Arguments", "Environment", "Pyproject", "Source"]

_PREFIX = "APIROUTES_"
# Keys of Next.js's configuration, and what does the same here.
_OF_NEXT = {
    "rewrites": "A file's name is its path: let a second file import the function of the first from lib/. "
    "Paths of other servers belong into the proxy in front, or to `fallback`.",
    "redirects": "Return `redirect(url)` in a route, or for many paths in the project's middleware.py.",
    "headers": "Write `res.set_header(name, value)` in the project's middleware.py, or in a _middleware.py.",
}


class Source(Protocol):
    """Gives settings by their names, and knows how and where it spells them."""

    @property
    def values(self) -> Mapping[str, object]: ...
    def spelled(self, name: str) -> str: ...
    def suggested(self, name: str) -> str: ...
    def place(self, name: str, item: str | None = None) -> Place: ...


class Pyproject:
    """The table [tool.apiroutes] of pyproject.toml."""

    def __init__(self, root: Path, table: Mapping[str, object]) -> None:
        self._root = root
        self.values = table

    def spelled(self, name: str) -> str:
        return f"[tool.apiroutes] {name}"

    def suggested(self, name: str) -> str:
        return _OF_NEXT.get(name) or suggest(name, READERS)

    def place(self, name: str, item: str | None = None) -> Place:
        text = (self._root / PYPROJECT).read_text(encoding="utf-8")
        line = line_of_key(text, ("tool", "apiroutes", name))
        if line is not None and item is not None:
            line = line_of_item(text, line, item)
        return place_at(self._root, PYPROJECT, line, item or name)


# Settings in whose text a comma separates two values only in an environment variable.
_LISTS = ("secret_key",)


class Environment:
    """Variables of the environment, and of the `.env` files that were loaded into it."""

    def __init__(self, root: Path, environ: Mapping[str, str]) -> None:
        self._root = root
        self._environ = environ
        given = {
            name.removeprefix(_PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(_PREFIX)
        }
        self.values: Mapping[str, object] = {
            name: value.split(",") if name in _LISTS else value for name, value in given.items()
        }

    def spelled(self, name: str) -> str:
        return _PREFIX + name.upper()

    def suggested(self, name: str) -> str:
        known = (_PREFIX + reader.upper() for reader in READERS)
        return suggest(self.spelled(name), known).replace("'", "")

    def place(self, name: str, item: str | None = None) -> Place:
        variable = self.spelled(name)
        for file in ENV_FILES:
            path = self._root / file
            if path.is_file() and variable in (text := path.read_text(encoding="utf-8", errors="replace")):
                line = line_of_variable(text, variable)
                if line is not None and values_of_env_file(path).get(variable) == self._environ[variable]:
                    # The value itself may be a secret under a wrong name.
                    return Place(file, line, variable, (0, len(variable)))
        return Place("environment", None, variable, (0, len(variable)))


class Arguments:
    """The arguments of `App`."""

    def __init__(self, root: Path, arguments: Mapping[str, object]) -> None:
        self._root = root
        self.values = arguments

    def spelled(self, name: str) -> str:
        return name

    def suggested(self, name: str) -> str:
        return suggest(name, READERS)

    def place(self, name: str, item: str | None = None) -> Place:
        return caller_in(self._root, name) or Place("App(...)", None, f"{name}=", (0, len(name)))
