"""The configuration of a route: a module's `config`, and constants with the App Router's names.

In: both, in Next.js's spelling or in snake_case, and the project's defaults. Out: a `RouteConfig`. Raises
ProjectError with every unknown key, wrong type and unreadable size, each with a suggestion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from apiroutes.errors import Problems, suggest
from apiroutes.sizes import Size, read_size
from apiroutes.structs import Struct, replace

__all__ = ["Constant", "RouteConfig", "constants_in", "read_config", "read_constants", "why_ineffective"]

# Names of Next.js's route segment config that we read, and the values of its `dynamic`.
_READ = ("maxDuration", "revalidate", "dynamic")
_DYNAMIC = ("auto", "force-dynamic", "force-static", "error")
# Its other names, with the types of their values: for its platform, its own fetch and its pages.
_MEANINGLESS: Mapping[str, tuple[type, ...]] = {
    "runtime": (str,),
    "preferredRegion": (str, list, tuple),
    "fetchCache": (str,),
    "dynamicParams": (bool,),
}
_SCALARS = (str, bytes, bool, int, float, type(None))


LineOfKey = Callable[[Sequence[str]], "int | None"]


class RouteConfig(Struct, frozen=True):
    """The configuration of one route. `max_duration` and `revalidate` are in seconds.

    `parse_body` is off when the handler reads `req.stream` itself; `response_limit` None means
    that no size is too large. `revalidate` (False: only by hand) and `dynamic` are for caching, None
    where the module does not set them.
    """

    size_limit: Size
    response_limit: Size | None
    parse_body: bool = True
    external_resolver: bool = False
    enforce_response_limit: bool = False
    max_duration: float | None = None
    revalidate: float | bool | None = None
    dynamic: str | None = None


def read_config(
    config: object, file: str, defaults: RouteConfig, line_of: LineOfKey = lambda keys: None
) -> RouteConfig:
    """Return the `config` of the module in `file`, over the project's `defaults`. Raises ProjectError.

    `line_of` gives the line of a key, such as `("api", "bodyParser")`.
    """
    reader = _ConfigReader(file, line_of)
    changes = reader.read(config)
    reader.problems.raise_any()
    return replace(defaults, **changes)


class Constant(NamedTuple):
    """A constant of a module: the App Router's name for it, and the one in the module."""

    name: str
    spelling: str
    value: object
    line: int


def constants_in(exports: Mapping[str, object], line_of: Callable[[str], int | None]) -> list[Constant]:
    """Return the constants of a module that have a name of the App Router's, and a value of the right kind.

    `line_of` gives the line where the module itself assigns a name, None where it does not. Anything
    else with such a name, for example a function or a dict, is the module's own business.
    """
    constants = []
    for name in (*_READ, *_MEANINGLESS):
        for spelling in dict.fromkeys((name, _snake_case(name))):
            if spelling in exports and _is_meant(name, exports[spelling]):
                line = line_of(spelling)
                if line is not None:
                    constants.append(Constant(name, spelling, exports[spelling], line))
    return constants


def _is_meant(name: str, value: object) -> bool:
    """Return whether a value is of a kind that shows that the App Router's name is meant."""
    if name == "maxDuration":  # nobody gives this name to anything else
        return not callable(value)
    return isinstance(value, _MEANINGLESS.get(name, _SCALARS))


def read_constants(constants: Sequence[Constant], file: str, config: RouteConfig) -> RouteConfig:
    """`config` changed by the constants of the module in `file`. Raises ProjectError."""
    changes: dict[str, Any] = {}
    problems = Problems()
    for constant in constants:
        name, spelling, value, line = constant
        if name in _MEANINGLESS:
            continue
        key = _snake_case(name)
        if key in changes:
            problems.add(file, f"has {name!r} in two spellings.", "Keep one of them.", line=line)
            continue
        changes[key] = value
        remedy = _remedy(constant)
        if remedy is not None:
            problems.add(file, f"`{spelling}` is {value!r}.", remedy, line=line)
        elif name == "maxDuration" and config.max_duration not in (None, value):
            message = f"`{spelling}` is {value!r}, and config.maxDuration is {config.max_duration:g}."
            problems.add(file, message, "Keep one of them.", line=line)
    problems.raise_any()
    if "max_duration" in changes:
        changes["max_duration"] = float(changes["max_duration"])
    return replace(config, **changes)


def _remedy(constant: Constant) -> str | None:
    """Return a right value to write instead; None where the value is right."""
    name, spelling, value, _ = constant
    if name == "maxDuration":
        return None if _is_duration(value) else "Give a number of seconds above zero."
    rename = f"or call it `_{spelling}` if the name is your own."
    if name == "dynamic":
        return None if value in _DYNAMIC else suggest(str(value), _DYNAMIC)[:-1] + f", {rename}"
    is_seconds = value is False or value == 0 or _is_duration(value)
    return None if is_seconds and value is not True else f"Give seconds from 0, or False, {rename}"


def why_ineffective(constant: Constant) -> str | None:
    """Why a right value changes nothing; None where it has an effect, or asks for the usual behaviour."""
    if constant.name in _MEANINGLESS:
        return "means nothing here"
    is_cached = (constant.name == "dynamic" and constant.value in ("force-static", "error")) or (
        constant.name == "revalidate" and (constant.value is False or constant.value != 0)
    )
    return "has no effect yet: there is no cache of responses" if is_cached else None


def _is_duration(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")


class _ConfigReader:
    """Reads a `config` into `changes`, and collects its problems."""

    def __init__(self, file: str, line_of: LineOfKey) -> None:
        self.file = file
        self.line_of = line_of
        self.problems = Problems()
        self.changes: dict[str, Any] = {}

    def read(self, config: object) -> dict[str, Any]:
        """Return the fields of RouteConfig that the `config` changes."""
        for key, value in self._items(config, "config", ("api", "maxDuration")):
            if key == "api":
                self._read_api(value)
            else:
                self._read_max_duration(value)
        return self.changes

    def _read_api(self, api: object) -> None:
        for key, value in self._items(api, "config.api", ("bodyParser", "externalResolver", "responseLimit")):
            if key == "bodyParser":
                self._read_body_parser(value)
            elif key == "externalResolver":
                self._put_bool("external_resolver", value, "config.api.externalResolver")
            else:
                self._read_response_limit(value)

    def _read_body_parser(self, value: object) -> None:
        if isinstance(value, bool):
            self.changes["parse_body"] = value
            return
        for _, limit in self._items(value, "config.api.bodyParser", ("sizeLimit",)):
            self._put_size("size_limit", limit, "config.api.bodyParser.sizeLimit")

    def _read_response_limit(self, value: object) -> None:
        if value is False:
            self.changes["response_limit"] = None
        elif isinstance(value, Mapping):
            for key, item in self._items(value, "config.api.responseLimit", ("limit", "enforce")):
                if key == "limit":
                    self._put_size("response_limit", item, "config.api.responseLimit.limit")
                else:
                    self._put_bool("enforce_response_limit", item, "config.api.responseLimit.enforce")
        elif value is not True:  # True is the default limit
            self._put_size("response_limit", value, "config.api.responseLimit")

    def _read_max_duration(self, value: object) -> None:
        if _is_duration(value):
            self.changes["max_duration"] = float(value)
        else:
            self._problem("config.maxDuration", f" is {value!r}", "Give a number of seconds above zero.")

    def _put_size(self, name: str, value: object, place: str) -> None:
        try:
            self.changes[name] = read_size(value)
        except (TypeError, ValueError) as error:
            self._problem(place, f": {error}", 'Write an int of bytes or a string such as "1mb".')

    def _put_bool(self, name: str, value: object, place: str) -> None:
        if isinstance(value, bool):
            self.changes[name] = value
        else:
            self._problem(place, f" is {value!r}, not a bool", "Write True or False.")

    def _items(self, value: object, place: str, keys: tuple[str, ...]) -> Iterator[tuple[str, object]]:
        """Yield the items of a mapping under their documented keys; other keys are problems."""
        if not isinstance(value, Mapping):
            known = ", ".join(map(repr, keys))
            self._problem(place, f" is {value!r}, not a dict", f"Write a dict of {known}.")
            return
        spellings = {spelling: key for key in keys for spelling in (key, _snake_case(key))}
        seen: set[str] = set()
        for spelling, item in value.items():
            key = spellings.get(spelling) if isinstance(spelling, str) else None
            if key is None:
                remedy = suggest(str(spelling), keys)
                self._problem(place, f" has the unknown key {spelling!r}", remedy, key=str(spelling))
            elif key in seen:
                self._problem(place, f" has {key!r} in two spellings", "Keep one of them.", key=str(spelling))
            else:
                seen.add(key)
                yield key, item

    def _problem(self, place: str, message: str, remedy: str, key: str | None = None) -> None:
        """Add a problem at a place such as `config.api`, or at a key of the dict there."""
        keys = [*place.split(".")[1:], *([] if key is None else [key])]
        self.problems.add(self.file, f"{place}{message}.", remedy, line=self.line_of(keys))


def _snake_case(name: str) -> str:
    """Return a name in the spelling of Python."""
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
