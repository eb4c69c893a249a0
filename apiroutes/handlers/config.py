"""What a route module sets, in `config` or by the App Router's names, in Next.js's spelling or in
snake_case.

In: the module's `config` and constants, and the project's defaults. Out: a `RouteConfig`. Raises
ProjectError with every unknown key, wrong type and unreadable size, each with a suggestion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeGuard

from apiroutes.errors import Problem, ProjectError, suggest
from apiroutes.sizes import Size, read_size

__all__ = ["RouteConfig", "Setting", "read_config", "read_settings_in", "settings_in", "without_effect"]

# What Next.js's route segment config may say of caching.
_DYNAMIC = ("auto", "force-dynamic", "force-static", "error")
# What it also knows, and the types that its values have: the platform it runs on, its own fetch, pages.
_MEANINGLESS: Mapping[str, tuple[type, ...]] = {
    "runtime": (str,),
    "preferredRegion": (str, list, tuple),
    "fetchCache": (str,),
    "dynamicParams": (bool,),
}
_SCALARS = (str, bytes, bool, int, float, type(None))


@dataclass(frozen=True)
class RouteConfig:
    """The settings of one route. `max_duration` and `revalidate` are in seconds.

    `parse_body` is off when the handler reads `req.stream` itself; `response_limit` None means
    that no size is too large. `revalidate` (False: only by hand) and `dynamic` are what the module
    says of caching, None where it says nothing.
    """

    size_limit: Size
    response_limit: Size | None
    parse_body: bool = True
    external_resolver: bool = False
    enforce_response_limit: bool = False
    max_duration: float | None = None
    revalidate: float | bool | None = None
    dynamic: str | None = None


def read_config(config: object, file: str, defaults: RouteConfig) -> RouteConfig:
    """The configuration that the module in `file` exports, over the project's `defaults`."""
    reader = _Reader(file, defaults)
    found = reader.read(config)
    if reader.problems:
        raise ProjectError(reader.problems)
    return replace(defaults, **found)


class Setting(NamedTuple):
    """A constant of a module, by the App Router's name for it."""

    name: str
    spelling: str
    value: object
    line: int


def settings_in(exports: Mapping[str, object], line_of: Callable[[str], int | None]) -> list[Setting]:
    """The constants that a module has under a name of the App Router's, and with a value for it.

    `line_of` gives the line where the module itself assigns a name, None where it does not. What
    else has such a name, a function or a dict, is the module's own business.
    """
    found = []
    for name in (*_READ, *_MEANINGLESS):
        for spelling in dict.fromkeys((name, _snake_case(name))):
            if spelling in exports and _may_be(name, exports[spelling]):
                line = line_of(spelling)
                if line is not None:
                    found.append(Setting(name, spelling, exports[spelling], line))
    return found


_READ = ("maxDuration", "revalidate", "dynamic")


def _may_be(name: str, value: object) -> bool:
    if name == "maxDuration":  # nothing else is called so
        return not callable(value)
    return isinstance(value, _MEANINGLESS.get(name, _SCALARS))


def read_settings_in(settings: Sequence[Setting], file: str, config: RouteConfig) -> RouteConfig:
    """`config` with what the constants of the module in `file` say. Raises ProjectError."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for setting in settings:
        name, spelling, value, line = setting
        if name in _MEANINGLESS:
            continue
        key = _snake_case(name)
        if key in found:
            problems.append(Problem(file, f"has {name!r} in two spellings.", "Keep one of them.", line=line))
        else:
            found[key] = value
            remedy = _remedy(setting)
            if remedy is not None:
                problems.append(Problem(file, f"`{spelling}` is {value!r}.", remedy, line=line))
            elif name == "maxDuration" and config.max_duration not in (None, value):
                message = f"`{spelling}` is {value!r}, and config.maxDuration is {config.max_duration:g}."
                problems.append(Problem(file, message, "Keep one of them.", line=line))
    if problems:
        raise ProjectError(problems)
    if "max_duration" in found:
        found["max_duration"] = float(found["max_duration"])
    return replace(config, **found)


def _remedy(setting: Setting) -> str | None:
    """What to write instead of a value that does not mean anything."""
    name, spelling, value, _ = setting
    if name == "maxDuration":
        return None if _is_duration(value) else "Give a number of seconds above zero."
    own = f"or call it `_{spelling}` if the name is your own."
    if name == "dynamic":
        return None if value in _DYNAMIC else suggest(str(value), _DYNAMIC)[:-1] + f", {own}"
    is_seconds = value is False or value == 0 or _is_duration(value)
    return None if is_seconds and value is not True else f"Give seconds from 0, or False, {own}"


def without_effect(setting: Setting) -> str | None:
    """Why a right value changes nothing here; None where it does, or where it says what is so anyway."""
    if setting.name in _MEANINGLESS:
        return "means nothing here"
    if setting.name == "dynamic" and setting.value in ("force-static", "error"):
        return "has no effect yet: there is no cache of answers"
    if setting.name == "revalidate" and (setting.value is False or setting.value != 0):
        return "has no effect yet: there is no cache of answers"
    return None


def _is_duration(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


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
        if _is_duration(value):
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
