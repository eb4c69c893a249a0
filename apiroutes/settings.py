"""What the project sets: `[tool.apiroutes]`, then `APIROUTES_*`, then arguments to `App`.

In: the project directory, the process environment, the arguments. Out: one `Settings`.
Raises ProjectError with every unknown name and unreadable value. `.env` files are loaded
into the environment first, in Next.js's order, never over a variable that is set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

import tomli
from dotenv import dotenv_values

from apiroutes.errors import Problem, ProjectError, suggest
from apiroutes.sizes import Size, read_size

__all__ = ["Settings", "load_settings", "read_settings"]

_ENV_PREFIX = "APIROUTES_"


@dataclass(frozen=True)
class Settings:
    """Everything a project can set, with its defaults. Times are seconds."""

    mode: str = "production"
    api_prefix: str = "/api"
    base_path: str = ""
    trailing_slash: str = "redirect"
    page_extensions: tuple[str, ...] = ("py",)
    conventions: tuple[str, ...] = ("pages", "app", "tanstack")
    middleware: tuple[str, ...] = ()

    body_size_limit: Size = Size(2**20, "1mb")
    response_limit: Size | None = Size(4 * 2**20, "4mb")
    upload_spool_size: Size = Size(2**16, "64kb")
    max_form_memory: Size = Size(2**20, "1mb")
    max_form_pairs: int = 1000
    max_form_parts: int = 1000
    max_part_headers: int = 8
    max_json_depth: int = 200
    max_query_keys: int = 1000
    max_target_size: Size = Size(2**13, "8kb")
    max_headers: int | None = None
    max_header_size: Size | None = None
    header_timeout: float = 5.0
    body_timeout: float = 10.0
    body_min_rate: Size = Size(2**14, "16kb")  # a second
    max_abandoned_handlers: int = 32
    abandon_timeout: float = 30.0
    readiness_path: str | None = None
    openapi_path: str | None = None
    docs: bool | None = None
    title: str | None = None
    version: str | None = None

    host: str | None = None
    port: int | None = None
    workers: int | None = None
    threads: int | None = None
    preload: bool = False
    timeout: int = 30
    graceful_timeout: int = 30
    shutdown_delay: float = 0.0
    keepalive: int = 5

    @property
    def docs_path(self) -> str | None:
        """Where the documentation page is, None when it is off; unless it is set, on in development."""
        is_on = self.mode == "development" if self.docs is None else self.docs
        # No file of a route has such a name.
        return f"{self.base_path}{self.api_prefix}/_docs" if is_on else None


def _one_of(*allowed: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"{value!r} is not one of " + ", ".join(map(repr, allowed)))
        return str(value)

    return read


def _path_prefix(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text such as '/api'")
    path = value.rstrip("/")
    if path and not path.startswith("/"):
        raise ValueError(f"{value!r} does not begin with '/'")
    if "//" in path or {".", ".."} & set(path.split("/")):
        raise ValueError(f"{value!r} has an empty or dot segment, which no request path has")
    return path


def _extensions(value: object) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not names:
        raise TypeError(f"{value!r} is not a list of file name endings such as ['py']")
    endings = tuple(str(name).strip().removeprefix(".") for name in names)
    if not all(ending == "py" or ending.endswith(".py") for ending in endings):
        raise ValueError(f"{value!r}: every page extension is 'py' or ends in '.py'")
    return endings


def _list_of_texts(value: object) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{value!r} is not a list of texts")
    return [name.strip() for name in names if name.strip()]


def _some_of(*allowed: str) -> Callable[[object], tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        names = _list_of_texts(value)
        unknown = [name for name in names if name not in allowed]
        if unknown or not names:
            raise ValueError(f"{value!r} is not some of " + ", ".join(map(repr, allowed)))
        return tuple(names)

    return read


def _import_names(value: object) -> tuple[str, ...]:
    names = _list_of_texts(value)
    for name in names:
        module, colon, attribute = name.partition(":")
        if not (colon and attribute.isidentifier() and all(map(str.isidentifier, module.split(".")))):
            raise ValueError(f"{name!r} is not of the form 'package.module:function'")
    return tuple(names)


def _int_from(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if type(number) is not int:
            raise TypeError(f"{value!r} is not an int")
        if number < least:
            raise ValueError(f"{value!r} is less than {least}")
        return number

    return read


def _seconds(*, above_zero: bool) -> Callable[[object], float]:
    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise TypeError(f"{value!r} is not a number of seconds")
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a number of seconds") from None
        if not math.isfinite(number) or number < 0 or (above_zero and number == 0):
            raise ValueError(f"{value!r} is not a number of seconds {'above' if above_zero else 'from'} 0")
        return number

    return read


def _absolute_path(value: object) -> str:
    path = _path_prefix(value)
    if not path or quote(path, safe="/") != path:
        raise ValueError(f"{value!r} is not a path such as '/ready'")
    return path


def _port(value: object) -> int:
    number = _int_from(0)(value)
    if number > 65535:
        raise ValueError(f"{value!r} is more than 65535")
    return number


def _size_or_off(value: object) -> Size | None:
    if value is False or value == "false":
        return None
    return read_size(value)


def _switch(value: object) -> bool:
    if value in (True, "true", "1"):
        return True
    if value in (False, "false", "0"):
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is not a text")
    return value


_READERS: dict[str, Callable[[object], Any]] = {
    "mode": _one_of("development", "production"),
    "api_prefix": _path_prefix,
    "base_path": _path_prefix,
    "trailing_slash": _one_of("redirect", "ignore", "require"),
    "page_extensions": _extensions,
    "conventions": _some_of("pages", "app", "tanstack"),
    "middleware": _import_names,
    "body_size_limit": read_size,
    "response_limit": _size_or_off,
    "upload_spool_size": read_size,
    "max_form_memory": read_size,
    "max_form_pairs": _int_from(0),
    "max_form_parts": _int_from(0),
    "max_part_headers": _int_from(1),
    "max_json_depth": _int_from(1),
    "max_query_keys": _int_from(0),
    "max_target_size": read_size,
    "max_headers": _int_from(1),
    "max_header_size": read_size,
    "header_timeout": _seconds(above_zero=True),
    "body_timeout": _seconds(above_zero=True),
    "body_min_rate": read_size,
    "max_abandoned_handlers": _int_from(1),
    "abandon_timeout": _seconds(above_zero=True),
    "readiness_path": _absolute_path,
    "openapi_path": _absolute_path,
    "docs": _switch,
    "title": _text,
    "version": _text,
    "host": _text,
    "port": _port,
    "workers": _int_from(1),
    "threads": _int_from(1),
    "preload": _switch,
    "timeout": _int_from(0),
    "graceful_timeout": _int_from(0),
    "shutdown_delay": _seconds(above_zero=False),
    "keepalive": _int_from(0),
}
assert _READERS.keys() == {field.name for field in fields(Settings)}


def load_settings(root: Path, environ: MutableMapping[str, str], arguments: Mapping[str, object]) -> Settings:
    """The settings of the project in `root`. Raises ProjectError."""
    settings, problems = read_settings(root, environ, arguments)
    if problems:
        raise ProjectError(problems)
    return settings


def read_settings(
    root: Path, environ: MutableMapping[str, str], arguments: Mapping[str, object]
) -> tuple[Settings, list[Problem]]:
    """What can be read of the settings, and the mistakes in them; later sources win.

    Loads the project's `.env` files into `environ` on the way.
    """
    problems: list[Problem] = []
    table, described = _pyproject_tables(root, problems)
    mode = arguments.get("mode") or environ.get(_ENV_PREFIX + "MODE") or table.get("mode")
    _load_env_files(root, "development" if mode == "development" else "production", environ, problems)
    from_environ = {
        name.removeprefix(_ENV_PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(_ENV_PREFIX)
    }
    values: dict[str, object] = described
    for place, spelling, source in (
        ("pyproject.toml", "[tool.apiroutes] {}", table),
        ("environment", _ENV_PREFIX + "{}", from_environ),
        ("App(...)", "{}", arguments),
    ):
        for name, value in source.items():
            shown = spelling.format(name.upper() if source is from_environ else name)
            for problem in _read(place, shown, name, value, values):
                problems.append(problem)
    return Settings(**values), problems  # type: ignore[arg-type]


def _read(place: str, shown: str, name: str, value: object, values: dict[str, object]) -> Iterator[Problem]:
    reader = _READERS.get(name)
    if reader is None:
        yield Problem(place, f"{shown} is not a setting.", suggest(name, _READERS))
        return
    try:
        values[name] = reader(value)
    except (TypeError, ValueError) as error:
        yield Problem(place, f"{shown}: {error}.", "Correct the value, or leave it out.")


def _pyproject_tables(root: Path, problems: list[Problem]) -> tuple[dict[str, Any], dict[str, Any]]:
    """[tool.apiroutes], and what [project] says of title and version."""
    path = root / "pyproject.toml"
    try:
        document = tomli.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, {}
    except (OSError, ValueError) as error:
        problems.append(Problem("pyproject.toml", f"cannot be read: {error}.", "Correct the file."))
        return {}, {}
    project = document.get("project", {})
    described = {
        setting: project[name]
        for setting, name in (("title", "name"), ("version", "version"))
        if isinstance(project, dict) and isinstance(project.get(name), str)
    }
    tool = document.get("tool", {})
    table = tool.get("apiroutes", {}) if isinstance(tool, dict) else None
    if not isinstance(table, dict):
        problems.append(
            Problem("pyproject.toml", "tool.apiroutes is not a table.", "Write [tool.apiroutes].")
        )
        return {}, described
    return table, described


def _load_env_files(
    root: Path, mode: str, environ: MutableMapping[str, str], problems: list[Problem]
) -> None:
    # Next.js's order: the first file that has a variable wins, and all yield to the environment.
    for name in (f".env.{mode}.local", ".env.local", f".env.{mode}", ".env"):
        path = root / name
        if path.is_file():
            try:
                values = dotenv_values(path)
            except (OSError, ValueError) as error:
                problems.append(Problem(name, f"cannot be read: {error}.", "Correct the file."))
                continue
            for key, value in values.items():
                if value is not None:
                    environ.setdefault(key, value)
