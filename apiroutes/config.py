"""What a route module sets in `config`, in Next.js's spelling or in snake_case.

In: the module's `config` and the project's defaults. Out: a `RouteConfig`. Raises
ProjectError with every unknown key, wrong type and unreadable size, each with a suggestion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from apiroutes.errors import Problem, ProjectError, suggest
from apiroutes.sizes import Size, read_size

__all__ = ["RouteConfig", "read_config"]


@dataclass(frozen=True)
class RouteConfig:
    """The settings of one route. `max_duration` is in seconds.

    `parse_body` is off when the handler reads `req.stream` itself; `response_limit` None means
    that no size is too large.
    """

    parse_body: bool = True
    size_limit: Size = Size(2**20, "1mb")
    external_resolver: bool = False
    response_limit: Size | None = Size(4 * 2**20, "4mb")
    enforce_response_limit: bool = False
    max_duration: float | None = None


def read_config(config: object, file: str, defaults: RouteConfig) -> RouteConfig:
    """The configuration that the module in `file` exports, over the project's `defaults`."""
    reader = _Reader(file, defaults)
    found = reader.read(config)
    if reader.problems:
        raise ProjectError(reader.problems)
    return replace(defaults, **found)


class _Reader:
    """Walks a `config` once and collects problems, so that all are reported together."""

    def __init__(self, file: str, defaults: RouteConfig) -> None:
        self.file = file
        self.defaults = defaults
        self.problems: list[Problem] = []

    def read(self, config: object) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in self._items(config, "config", ("api", "maxDuration")):
            if key == "api":
                self._read_api(value, found)
            else:
                self._read_max_duration(value, found)
        return found

    def _read_api(self, api: object, found: dict[str, Any]) -> None:
        for key, value in self._items(api, "config.api", ("bodyParser", "externalResolver", "responseLimit")):
            if key == "bodyParser":
                self._read_body_parser(value, found)
            elif key == "externalResolver":
                self._put_bool(found, "external_resolver", value, "config.api.externalResolver")
            else:
                self._read_response_limit(value, found)

    def _read_body_parser(self, value: object, found: dict[str, Any]) -> None:
        if isinstance(value, bool):
            found["parse_body"] = value
            return
        for _, limit in self._items(value, "config.api.bodyParser", ("sizeLimit",)):
            self._put_size(found, "size_limit", limit, "config.api.bodyParser.sizeLimit")

    def _read_response_limit(self, value: object, found: dict[str, Any]) -> None:
        if value is False:
            found["response_limit"] = None
        elif isinstance(value, Mapping):
            for key, part in self._items(value, "config.api.responseLimit", ("limit", "enforce")):
                if key == "limit":
                    self._put_size(found, "response_limit", part, "config.api.responseLimit.limit")
                else:
                    self._put_bool(found, "enforce_response_limit", part, "config.api.responseLimit.enforce")
        elif value is not True:  # True is the default limit
            self._put_size(found, "response_limit", value, "config.api.responseLimit")

    def _read_max_duration(self, value: object, found: dict[str, Any]) -> None:
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf"):
            found["max_duration"] = float(value)
        else:
            self._problem(f"config.maxDuration is {value!r}", "Give a number of seconds above zero.")

    def _put_size(self, found: dict[str, Any], name: str, value: object, place: str) -> None:
        try:
            found[name] = read_size(value)
        except (TypeError, ValueError) as error:
            self._problem(f"{place}: {error}", 'Write an int of bytes or a text such as "1mb".')

    def _put_bool(self, found: dict[str, Any], name: str, value: object, place: str) -> None:
        if isinstance(value, bool):
            found[name] = value
        else:
            self._problem(f"{place} is {value!r}, not a bool", "Write True or False.")

    def _items(self, value: object, place: str, keys: tuple[str, ...]) -> Iterator[tuple[str, object]]:
        """The entries of a mapping under their documented names; others are problems."""
        if not isinstance(value, Mapping):
            self._problem(
                f"{place} is {value!r}, not a dict", "Known keys: " + ", ".join(map(repr, keys)) + "."
            )
            return
        spellings = {spelling: key for key in keys for spelling in (key, _snake_case(key))}
        seen: set[str] = set()
        for name, part in value.items():
            key = spellings.get(name) if isinstance(name, str) else None
            if key is None:
                self._problem(f"{place} has the unknown key {name!r}", suggest(str(name), keys))
            elif key in seen:
                self._problem(f"{place} has {key!r} in two spellings", "Keep one of them.")
            else:
                seen.add(key)
                yield key, part

    def _problem(self, message: str, remedy: str) -> None:
        self.problems.append(Problem(self.file, message + ".", remedy))


def _snake_case(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
