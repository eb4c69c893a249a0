"""The configuration of a route: a module's `config`, and constants with the App Router's names.

In: both, in Next.js's spelling or in snake_case, and the project's defaults. Out: a `RouteConfig`. Raises
ProjectError with every unknown key, wrong type, unreadable size and contradiction, each with a suggestion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from apiroutes.errors import Problems, shown, shown_kind
from apiroutes.handlers.cache_config import MISPLACED, CacheConfig, CacheReader
from apiroutes.handlers.config_items import ConfigItems, Key, LineOfKey, dict_of
from apiroutes.handlers.constants import Constant, is_duration, is_meaningless, remedy_of
from apiroutes.handlers.rate_limit_config import read_rate_limit
from apiroutes.rates import Limit
from apiroutes.sizes import Size, read_size
from apiroutes.structs import Struct, replace

__all__ = ["API_KEYS", "KEYS", "RouteConfig", "read_config"]

KEYS: Mapping[str, Key] = {
    "api": Key("", "What Next.js has below this key: the three that follow."),
    "maxDuration": Key(
        "not set", "[Seconds](time.md#maxduration) after which the client gets a 504; an int or a float."
    ),
    "cache": Key(
        "not set",
        '`{"revalidate": 60}` [and more](caching.md#declaring), for answers that are the same for everybody '
        "and are kept for a while.",
    ),
    "rateLimit": Key(
        "not set", '`"10/minute"` [and more](rate-limits.md): how many requests a client may send.'
    ),
}
API_KEYS: Mapping[str, Key] = {
    "bodyParser": Key(
        "`True`",
        '`{"sizeLimit": "5mb"}` for another [limit](bodies.md#the-body) than `body_size_limit`; `False` to '
        "read `req.stream` yourself.",
    ),
    "externalResolver": Key(
        "`False`", "`True` if something else sends the response, so that an empty one is not a mistake."
    ),
    "responseLimit": Key(
        "the setting `response_limit`",
        'A size, `False` for none, or `{"limit": "4mb", "enforce": True}`: without `enforce` a larger '
        "response is sent, and logged as a warning; with it the client gets a 500.",
    ),
}
_BODY_PARSER_KEYS = ("sizeLimit",)
_RESPONSE_LIMIT_KEYS = ("limit", "enforce")


class RouteConfig(Struct, frozen=True):
    """The configuration of one route. `max_duration` is in seconds.

    `parse_body` is off when the handler reads `req.stream` itself; `response_limit` None means
    that no size is too large, `cache` None that every request computes its answer, and `rate_limit` None that
    the route has no limit of its own.
    """

    size_limit: Size
    response_limit: Size | None
    parse_body: bool = True
    external_resolver: bool = False
    enforce_response_limit: bool = False
    max_duration: float | None = None
    cache: CacheConfig | None = None
    rate_limit: Limit | None = None


def read_config(
    config: object,
    file: str,
    defaults: RouteConfig,
    line_of: LineOfKey = lambda keys: None,
    constants: Sequence[Constant] = (),
    warnings: Problems | None = None,
) -> RouteConfig:
    """Return the `config` and the `constants` of the module in `file`, over the project's `defaults`.

    `line_of` gives the line of a key, such as `("api", "bodyParser")`. Possible mistakes are added to
    `warnings`. Raises ProjectError.
    """
    items = ConfigItems(file, line_of)
    reader = _ConfigReader(items)
    reader.read(config)
    reader.read_constants(constants)
    items.problems.raise_any()
    if warnings is not None:
        warnings += items.warnings
    return replace(defaults, **reader.changes)


class _ConfigReader:
    """Reads what a module declares into `changes`, and collects the problems."""

    def __init__(self, items: ConfigItems) -> None:
        self.changes: dict[str, Any] = {}
        self._items = items
        self._cache = CacheReader(items)

    def read(self, config: object) -> None:
        """Read the `config`."""
        if not isinstance(config, Mapping):  # perhaps the project's own, which it has imported
            remedy = f"`config` configures the route, by {dict_of(KEYS)}. Give anything else another name"
            remedy += ", as in `from lib.config import config as settings`."
            self._items.add("config", f" is {shown_kind(config)}, not a dict", remedy)
            return
        for key, value in self._items.read(config, "config", KEYS, MISPLACED):
            if key == "api":
                self._read_api(value)
            elif key == "cache":
                self._cache.read(value)
            elif key == "rateLimit":
                self.changes["rate_limit"] = read_rate_limit(value, self._items)
            else:
                self._read_max_duration(value)

    def read_constants(self, constants: Sequence[Constant]) -> None:
        """Read the constants, which may not contradict the `config`."""
        right: dict[str, Constant] = {}
        seen: set[str] = set()
        for constant in constants:
            if is_meaningless(constant):
                continue
            remedy = remedy_of(constant)
            if constant.name in seen:
                self._add_of(constant, f"has {constant.name!r} in two spellings.", "Keep one of them.")
            elif remedy is not None:
                self._add_of(constant, f"`{constant.spelling}` is {shown(constant.value)}.", remedy)
            else:
                right[constant.name] = constant
            seen.add(constant.name)
        if "maxDuration" in right:
            self._set_max_duration(right["maxDuration"])
        self.changes["cache"] = self._cache.resolve(right)

    def _set_max_duration(self, constant: Constant) -> None:
        assert is_duration(constant.value)
        seconds = self.changes.get("max_duration")
        if seconds not in (None, constant.value):
            message = (
                f"`{constant.spelling}` is {shown(constant.value)}, and config.maxDuration is {seconds:g}."
            )
            self._add_of(constant, message, "Keep one of them.")
        self.changes["max_duration"] = float(constant.value)

    def _add_of(self, constant: Constant, message: str, remedy: str) -> None:
        self._items.add_at(constant.line, message, remedy)

    def _read_api(self, api: object) -> None:
        for key, value in self._items.read(api, "config.api", API_KEYS):
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
        for _, limit in self._items.read(value, "config.api.bodyParser", _BODY_PARSER_KEYS):
            self._put_size("size_limit", limit, "config.api.bodyParser.sizeLimit")

    def _read_response_limit(self, value: object) -> None:
        if value is False:
            self.changes["response_limit"] = None
        elif isinstance(value, Mapping):
            for key, item in self._items.read(value, "config.api.responseLimit", _RESPONSE_LIMIT_KEYS):
                if key == "limit":
                    self._put_size("response_limit", item, "config.api.responseLimit.limit")
                else:
                    self._put_bool("enforce_response_limit", item, "config.api.responseLimit.enforce")
        elif value is not True:  # True is the default limit
            self._put_size("response_limit", value, "config.api.responseLimit")

    def _read_max_duration(self, value: object) -> None:
        if is_duration(value):
            self.changes["max_duration"] = float(value)
        else:
            self._items.add(
                "config.maxDuration", f" is {shown(value)}", "Give a number of seconds above zero."
            )

    def _put_size(self, name: str, value: object, place: str) -> None:
        try:
            self.changes[name] = read_size(value)
        except (TypeError, ValueError) as error:
            self._items.add(place, f": {error}", 'Write an int of bytes or a string such as "1mb".')

    def _put_bool(self, name: str, value: object, place: str) -> None:
        if isinstance(value, bool):
            self.changes[name] = value
        else:
            self._items.add(place, f" is {shown(value)}, not a bool", "Write True or False.")
